internal import ArgumentParser
internal import SottoRelay

/// `sotto-relay capacity`: what a number of users needs.
struct CapacityCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "capacity",
    abstract: "Say how many relays, databases and cells a number of users needs.",
    discussion: """
      A calculation, which reaches nothing. Its inputs are figures that `sotto-relay bench` measures, and assumptions \
      about people. The defaults are those of one machine with 2 cores: put in what `bench` says on yours. Specs/Scale.md \
      has the formulas, what each input means, and what was never tried.

      A cell is a fleet with its own database, its own broker and its own name. Cells begin where a fleet would have too \
      many nodes or shards, or too busy a broker.

      EXIT CODES: 0 calculated; 64 usage.
      """)

  @Option(help: ArgumentHelp("How many people; 1M, 100M and 2B are understood. May be repeated.", valueName: "number"))
  var users: [String]
  @Flag(help: "Answer with one JSON object for each number of users; sizes are bytes.") var json = false
  @OptionGroup(title: "People") var people: PeopleOptions
  @OptionGroup(title: "Relays") var relay: NodeOptions
  @OptionGroup(title: "PostgreSQL") var database: ShardOptions
  @OptionGroup(title: "The fleet") var fleet: FleetOptions

  func run() async throws {
    try await Terminal.failing {
      var capacity = Capacity()
      let given = people.values + relay.values + database.values + fleet.values
      for case (let input, let value?) in given { try capacity.set(input, to: value) }
      var plans: [CapacityPlan] = []
      for text in users { plans.append(capacity.plan(users: try Capacity.users(text))) }
      if json {
        for plan in plans { try Terminal.write(json: plan) }
        return
      }
      for start in stride(from: 0, to: plans.count, by: CapacityTable.columns) {
        let some = Array(plans[start..<min(start + CapacityTable.columns, plans.count)])
        Terminal.write(CapacityTable(some).text + "\n")
      }
      Terminal.write((CapacityTable.given(capacity) + CapacityTable.tested).map { $0 + "\n" }.joined())
    }
  }
}

extension NameSpecification {
  fileprivate static func of(_ input: CapacityInput) -> NameSpecification { .customLong(input.name) }
}

extension ArgumentHelp {
  fileprivate static func of(_ input: CapacityInput) -> ArgumentHelp {
    let standard = "(\(input.origin.rawValue); default: \(CapacityTable.plain(input.standard)) \(input.unit))"
    return ArgumentHelp("\(input.meaning) \(standard)", valueName: "number")
  }
}

/// What people do.
struct PeopleOptions: ParsableArguments {
  @Option(name: .of(.messages), help: .of(.messages)) var messages: Double?
  @Option(name: .of(.receipts), help: .of(.receipts)) var receipts: Double?
  @Option(name: .of(.devices), help: .of(.devices)) var devices: Double?
  @Option(name: .of(.peak), help: .of(.peak)) var peak: Double?
  @Option(name: .of(.online), help: .of(.online)) var online: Double?
  @Option(name: .of(.recipientOnline), help: .of(.recipientOnline)) var recipientOnline: Double?
  @Option(name: .of(.connects), help: .of(.connects)) var connects: Double?
  @Option(name: .of(.waiting), help: .of(.waiting)) var waiting: Double?
  @Option(name: .of(.envelopeBytes), help: .of(.envelopeBytes)) var envelopeBytes: Double?
  @Option(name: .of(.attachments), help: .of(.attachments)) var attachments: Double?
  @Option(name: .of(.attachmentBytes), help: .of(.attachmentBytes)) var attachmentBytes: Double?
  @Option(name: .of(.sendsPerConnection), help: .of(.sendsPerConnection)) var sendsPerConnection: Double?
  @Option(name: .of(.sendSockets), help: .of(.sendSockets)) var sendSockets: Double?

  var values: [(CapacityInput, Double?)] {
    [
      (.messages, messages), (.receipts, receipts), (.devices, devices), (.peak, peak), (.online, online),
      (.recipientOnline, recipientOnline), (.connects, connects), (.waiting, waiting),
      (.envelopeBytes, envelopeBytes), (.attachments, attachments), (.attachmentBytes, attachmentBytes),
      (.sendsPerConnection, sendsPerConnection), (.sendSockets, sendSockets),
    ]
  }
}

/// What a relay node, and a machine with NGINX, can do.
struct NodeOptions: ParsableArguments {
  @Option(name: .of(.accepts), help: .of(.accepts)) var accepts: Double?
  @Option(name: .of(.acceptCPU), help: .of(.acceptCPU)) var acceptCPU: Double?
  @Option(name: .of(.deliverCPU), help: .of(.deliverCPU)) var deliverCPU: Double?
  @Option(name: .of(.connectCPU), help: .of(.connectCPU)) var connectCPU: Double?
  @Option(name: .of(.tlsCPU), help: .of(.tlsCPU)) var tlsCPU: Double?
  @Option(name: .of(.connectionBytes), help: .of(.connectionBytes)) var connectionBytes: Double?
  @Option(name: .of(.cores), help: .of(.cores)) var cores: Double?
  @Option(name: .of(.memory), help: .of(.memory)) var memory: Double?
  @Option(name: .of(.sockets), help: .of(.sockets)) var sockets: Double?
  @Option(name: .of(.nginxConnections), help: .of(.nginxConnections)) var nginxConnections: Double?

  var values: [(CapacityInput, Double?)] {
    [
      (.accepts, accepts), (.acceptCPU, acceptCPU), (.deliverCPU, deliverCPU), (.connectCPU, connectCPU),
      (.tlsCPU, tlsCPU), (.connectionBytes, connectionBytes), (.cores, cores), (.memory, memory),
      (.sockets, sockets), (.nginxConnections, nginxConnections),
    ]
  }
}

/// What a shard of the database can do, and what it holds.
struct ShardOptions: ParsableArguments {
  @Option(name: .of(.databaseAccepts), help: .of(.databaseAccepts)) var databaseAccepts: Double?
  @Option(name: .of(.databaseLookups), help: .of(.databaseLookups)) var databaseLookups: Double?
  @Option(name: .of(.walBytes), help: .of(.walBytes)) var walBytes: Double?
  @Option(name: .of(.rowBytes), help: .of(.rowBytes)) var rowBytes: Double?
  @Option(name: .of(.nameBytes), help: .of(.nameBytes)) var nameBytes: Double?
  @Option(name: .of(.mailboxBytes), help: .of(.mailboxBytes)) var mailboxBytes: Double?

  var values: [(CapacityInput, Double?)] {
    [
      (.databaseAccepts, databaseAccepts), (.databaseLookups, databaseLookups), (.walBytes, walBytes),
      (.rowBytes, rowBytes), (.nameBytes, nameBytes), (.mailboxBytes, mailboxBytes),
    ]
  }
}

/// What holds a fleet together, and how large it may be.
struct FleetOptions: ParsableArguments {
  @Option(name: .of(.utilisation), help: .of(.utilisation)) var utilisation: Double?
  @Option(name: .of(.strays), help: .of(.strays)) var strays: Double?
  @Option(name: .of(.commits), help: .of(.commits)) var commits: Double?
  @Option(name: .of(.broker), help: .of(.broker)) var broker: Double?
  @Option(name: .of(.window), help: .of(.window)) var window: Double?
  @Option(name: .of(.cellNodes), help: .of(.cellNodes)) var cellNodes: Double?
  @Option(name: .of(.cellShards), help: .of(.cellShards)) var cellShards: Double?

  var values: [(CapacityInput, Double?)] {
    [
      (.utilisation, utilisation), (.strays, strays), (.commits, commits), (.broker, broker), (.window, window),
      (.cellNodes, cellNodes), (.cellShards, cellShards),
    ]
  }
}
