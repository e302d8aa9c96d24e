internal import Foundation
internal import SottoWire

/// How the page calls people, keys and numbers.
struct ReportWords {
  typealias Trace = ConversationTrace

  let people: Trace.People
  private let initials: [Trace.Side: String]

  init(_ people: Trace.People) {
    self.people = people
    let first = Self.initial(people.first)
    let second = Self.initial(people.second)
    // Labels of keys need two letters that differ.
    if let first, let second, first != second {
      initials = [.first: first, .second: second]
    } else {
      initials = [.first: "A", .second: "B"]
    }
  }

  private static func initial(_ name: String) -> String? {
    guard let letter = name.uppercased().first, letter.isASCII, letter.isLetter else { return nil }
    return String(letter)
  }

  // MARK: people

  func initial(_ side: Trace.Side) -> String { initials[side] ?? "A" }

  func letter(_ side: Trace.Side) -> Markup { side == .first ? "a" : "b" }

  func name(_ side: Trace.Side) -> Markup { "<bdi>\(people[side])</bdi>" }

  func name(_ capability: CapabilityClass) -> String { String(describing: capability) }

  func coloured(_ side: Trace.Side) -> Markup { "<bdi class=\"\(letter(side))\">\(people[side])</bdi>" }

  // MARK: keys

  func label(_ chain: Trace.Chain) -> String { initial(chain.author) + String(chain.number) }

  func label(_ key: Trace.MessageKey) -> String { label(key.chain) + "." + String(key.number) }

  /// As the specification calls it, with whose and which it is.
  func label(_ key: Trace.Key) -> String {
    switch key {
    case .identity: "IK"
    case .signedPrekey: "SPK"
    case .oneTimePrekey: "OPK"
    case .ephemeral: "EK"
    case .handshakeSecrets: "SS, ck"
    case .root(let number): "RK\(number)"
    case .pair(let side, let number): "DH\u{a0}\(initial(side))\(number)"
    case .chain(let chain): "CK\u{a0}\(label(chain))"
    case .message(let key): "MK\u{a0}\(label(key))"
    }
  }

  func inWords(_ key: Trace.Key) -> Markup {
    switch key {
    case .identity: "identity key"
    case .signedPrekey: "signed prekey"
    case .oneTimePrekey: "one-time prekeys"
    case .ephemeral: "ephemeral key"
    case .handshakeSecrets: "secrets of the handshake"
    case .root: "root key"
    case .pair(_, let number): "ratchet key pair\u{a0}\(number)"
    case .chain(let chain): "key of \(name(chain.author))’s chain\u{a0}\(chain.number)"
    case .message(let key): "key \(key.number) of \(name(key.chain.author))’s chain\u{a0}\(key.chain.number)"
    }
  }

  /// The class that gives a key its colour: chains and what comes of them have that of their author.
  func colour(_ key: Trace.Key) -> Markup {
    switch key {
    case .identity, .signedPrekey: "long"
    case .oneTimePrekey, .ephemeral, .handshakeSecrets: "once"
    case .root: "root"
    case .pair: "pair"
    case .chain(let chain): letter(chain.author)
    case .message(let key): letter(key.chain.author)
    }
  }

  func chip(_ key: Trace.Key) -> Markup { "<span class=\"key \(colour(key))\">\(label(key))</span>" }

  /// As the argument of an agreement, where it needs no DH before it.
  func argument(_ key: Trace.Key) -> String {
    if case .pair(let side, let number) = key { initial(side) + String(number) } else { label(key) }
  }

  func argumentChip(_ key: Trace.Key) -> Markup { "<span class=\"key \(colour(key))\">\(argument(key))</span>" }

  // MARK: numbers

  /// With commas between thousands.
  func grouped(_ number: Int) -> String {
    let digits = String(number.magnitude)
    var result = ""
    for (index, digit) in digits.enumerated() {
      if index > 0, (digits.count - index) % 3 == 0 { result += "," }
      result.append(digit)
    }
    return (number < 0 ? "-" : "") + result
  }

  func bytes(_ count: Int) -> String { grouped(count) + " bytes" }

  func count(_ number: Int, _ one: String, _ many: String) -> String {
    "\(grouped(number)) \(number == 1 ? one : many)"
  }

  func hex(_ name: Trace.RelayName) -> String {
    let digits = String(name.prefix, radix: 16)
    return String(repeating: "0", count: 8 - digits.count) + digits
  }

  /// An ISO date from days since 1970.
  func date(_ day: Int) -> String {
    Date(timeIntervalSince1970: Double(day) * 86_400).formatted(.iso8601.year().month().day())
  }
}
