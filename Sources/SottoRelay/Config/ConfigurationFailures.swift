// What can be wrong with a configuration. All of it is exit code 78, but for a file that cannot be made, and nothing was changed.

extension StartFailure {
  private static let misspelt = "What is misspelt would be ignored silently, so nothing was started."
  private static let see = "`config example` shows every setting."

  static func badSetting(_ setting: Setting, from origin: String) -> StartFailure {
    StartFailure(
      78, "The setting \(setting.name) (\(origin)) has a value that is not understood.", "Nothing was started.",
      "It takes: " + setting.explanation.joined(separator: " "), setting: setting)
  }

  package static func unknownSetting(_ name: String, at place: String) -> StartFailure {
    StartFailure(78, "There is no setting '\(name)' (\(place)).", misspelt, see)
  }

  package static func settingTwice(_ name: String, at place: String) -> StartFailure {
    StartFailure(78, "The setting '\(name)' is given twice (\(place)).", "Only one can be meant.", "Remove the other.")
  }

  static func badLine(at place: String) -> StartFailure {
    StartFailure(78, "This is not `name = value`: \(place).", misspelt, see)
  }

  static func unreadableFile(_ path: String) -> StartFailure {
    StartFailure(
      78, "Cannot read the configuration \(path).", "It may say something that matters, so nothing was started.",
      "Make it a text file that this user may read.")
  }

  package static func fileMissing(_ path: String) -> StartFailure {
    StartFailure(
      78, "There is no configuration \(path).", "It was asked for, so nothing was started.",
      "Name another, or make it with `config example`.")
  }

  static func dataInItself(at path: String) -> StartFailure {
    StartFailure(
      78, "\(path) sets `data`, the folder that it lies in.", "The relay would have two folders.",
      "Remove the line, and say `--data DIR` or `--config FILE`.", setting: .data)
  }

  static let registrationMissing = StartFailure(
    78, "The listen address can be reached by others, and no registration mode is set.",
    "Anyone who reaches the relay could create mailboxes on it without your having said so.",
    "Say `--registration open` (or `registration = open` in the file, or SOTTO_RELAY_REGISTRATION=open) if you mean it, "
      + "or listen on 127.0.0.1.", setting: .registration)

  static let registrationKeyOfOne = StartFailure(
    78, "Relays with one database let in who has an invitation, and registration.key is not set.",
    "Each would have a secret of its own, and know none of the others' tokens.",
    "Make one with `sotto-relay token key FILE`, copy it to all of them, and set `registration.key` to it.",
    setting: .registrationKey)

  static let oidcIncomplete = StartFailure(
    78, "Of registration = oidc, oidc.issuer and oidc.client-id some are set, and not all.",
    "Nobody could sign in, or nobody would have to.", "Set all three, or none.", setting: .oidcIssuer)

  static func registrationKeyMissing(_ path: String) -> StartFailure {
    StartFailure(
      78, "Cannot read the registration key \(path).", "Without it no invitation is known, so nothing was started.",
      "Make it with `sotto-relay token key \(path)`, or copy that of the other relays there.", setting: .registrationKey
    )
  }

  static func registrationKeyUnusable(_ path: String) -> StartFailure {
    StartFailure(
      78, "The registration key \(path) is not 64 hexadecimal digits.", "Nothing was started.",
      "Restore the file. If it is lost, remove it: then all invitations and tokens that are out are worth nothing.",
      setting: .registrationKey)
  }

  static func registrationKeyNotMade(_ path: String) -> StartFailure {
    StartFailure(
      73, "Cannot write the registration key \(path).", "Without it nobody can be invited or let in.",
      "Make its folder writable for this user, or name another file.", setting: .registrationKey)
  }

  static func withdrawnUnusable(_ path: String, _ why: String) -> StartFailure {
    StartFailure(
      78, "The list of withdrawn invitations \(path) cannot be used: \(why).",
      "Somebody on it could be let in, so nothing was changed.",
      "Give each a line of its own, as `sotto-relay token show INVITATION` names it; `#` begins a comment.",
      setting: .registrationWithdrawn)
  }

  package static func inviterKeyUnusable(_ path: String) -> StartFailure {
    StartFailure(
      78, "The inviter's key \(path) cannot be read, or is none.", "Without it no invitation can be made.",
      "Ask the relay's operator for one: `sotto-relay token inviter FILE` makes it.")
  }

  static let otherRegistrationKey = StartFailure(
    78, "The store has a token key that was sealed with another registration key.",
    "This relay cannot sign or know the tokens of the others, so nothing was started.",
    "Set `registration.key` to the file that the store was used with before.", setting: .registrationKey)

  package static let withoutDatabase = StartFailure(
    78, "The setting store names a PostgreSQL database, and this program was built without PostgreSQL.",
    "It has no way to reach the database, so nothing was started.",
    "Use a program that was built with `swift build -c release --traits Fleet`, or say `store = sqlite`.",
    setting: .store)

  package static let withoutBus = StartFailure(
    78, "The setting bus names a message server, and this program was built without RabbitMQ.",
    "It has no way to reach it, so nothing was started.",
    "Use a program that was built with `swift build -c release --traits Fleet`, or leave the setting out.",
    setting: .bus)

  static let busWithoutDatabase = StartFailure(
    78, "The setting bus is for relays that share a database, and the store is a file.",
    "No other relay could be told anything of it, so nothing was started.",
    "Set `store` to the address of a PostgreSQL database, or leave `bus` out.", setting: .bus)

  static let busIncomplete = StartFailure(
    78, "Of bus and bus.password there is only one.", "The message server lets nobody in without a password.",
    "Set both, the second to the path of a file, or none.", setting: .busPassword)

  package static let busAway = StartFailure(
    69, "No message server that bus names can be reached and lets this relay in.",
    "Envelopes are accepted all the same; other relays hear of them late, and with push = bus nobody is woken.",
    "Check that it runs, and that bus, bus.password and bus.ca are its address, its user's password and its authorities.",
    setting: .bus)

  static let pushWithoutBus = StartFailure(
    78, "The setting push wants a queue at the message server, and there is none.",
    "Nobody would be woken, so nothing was started.", "Set `bus` and `bus.password`, or leave `push` out.",
    setting: .push)

  static let pushSocketOfMany = StartFailure(
    78, "The setting push names a socket, and the store is a database that other relays may have.",
    "What is due because of them would be handed out by none, or by several.",
    "Set `push = bus`, `bus` and `bus.password`, or leave `push` out.", setting: .push)

  package static let newerTables = StartFailure(
    78, "The tables in the database are for a newer version of sotto-relay.", "This version does not understand them.",
    "Run the newer version. Nothing was changed.", setting: .store)

  package static let olderTables = StartFailure(
    78, "The database has no tables, or those of an older version of sotto-relay.", "This version needs its own.",
    "Run `sotto-relay db migrate` with the same settings; relays that run may go on meanwhile.", setting: .store)

  static let attachmentsOfOne = StartFailure(
    78, "The setting attachments is for relays that share a database, and the store is a file.",
    "Backups look for attachments beside that file, so nothing was started.",
    "Set `store` to the address of a PostgreSQL database, or leave `attachments` out.", setting: .attachments)

  static func attachmentsUnusable(_ path: String) -> StartFailure {
    StartFailure(
      78, "There is no folder \(path) that this user can write in.",
      "It may be on a file system that is not mounted, and other relays would not see what is put into it.",
      "Mount it, or make the folder there once: `install -d -m 0700 \(path)`, owned by the relay's user.",
      setting: .attachments)
  }

  static let tlsIncomplete = StartFailure(
    78, "Only one of tls.certificate and tls.key is set.", "TLS needs both.",
    "Set the other too, or neither.", setting: .tlsCertificate)

  static let metricsReachable = StartFailure(
    78, "The metrics address can be reached by others.", "How busy the relay is would be told to anyone.",
    "Use 127.0.0.1:PORT, and let a proxy or a tunnel bring it to Prometheus.", setting: .metrics)
}
