package import SottoWire

/// What can be told of a conversation without a byte of a key in it: the input of a `ReportPage`.
///
/// Keys are named, never shown. The texts are those that the two people see anyway. What stands for the relay are
/// numbers: a name there has no room for a text.
package struct ConversationTrace: Sendable, Hashable {
  /// The first one stands in the left column.
  package var people: People
  /// Everything that happened in one session, in order.
  package var events: [Event]
  /// What a search of the relay's files found, if there was one.
  package var search: RelaySearch?
  /// What the page was made with: a name and a version each.
  package var versions: [Version]

  package init(people: People, events: [Event] = [], search: RelaySearch? = nil, versions: [Version] = []) {
    self.people = people
    self.events = events
    self.search = search
    self.versions = versions
  }

  package struct People: Sendable, Hashable {
    package var first: String
    package var second: String

    package init(_ first: String, _ second: String) {
      self.first = first
      self.second = second
    }

    package subscript(side: Side) -> String { side == .first ? first : second }
  }

  package enum Side: Sendable, Hashable, CaseIterable {
    case first, second

    package var other: Side { self == .first ? .second : .first }
  }

  package struct Version: Sendable, Hashable {
    package var what: String
    package var version: String

    package init(_ what: String, _ version: String) {
      self.what = what
      self.version = version
    }
  }
}

// MARK: keys, by name

extension ConversationTrace {
  /// All messages that one side sends between two turns.
  package struct Chain: Sendable, Hashable {
    /// Whose sending chain it is; the other side's receiving chain.
    package var author: Side
    /// From 1, like the ratchet key pair that begins it.
    package var number: Int

    package init(_ author: Side, _ number: Int) {
      self.author = author
      self.number = number
    }
  }

  /// The key of one message.
  package struct MessageKey: Sendable, Hashable {
    package var chain: Chain
    /// N of the header: from 0.
    package var number: Int

    package init(_ chain: Chain, _ number: Int) {
      self.chain = chain
      self.number = number
    }
  }

  /// The name of a key. Each side has its own copy, which lives and dies by itself.
  package enum Key: Sendable, Hashable {
    /// IK
    case identity
    /// SPK
    case signedPrekey
    /// OPK and the KEM key beside it.
    case oneTimePrekey
    /// EK
    case ephemeral
    /// Agreements, SS and every ck.
    case handshakeSecrets
    /// RK, from 0.
    case root(Int)
    /// DHs of that side, from 1.
    case pair(Side, Int)
    /// CK
    case chain(Chain)
    /// MK
    case message(MessageKey)
  }
}

// MARK: events

extension ConversationTrace {
  /// A side's events up to its next `sealed` or `opened` are one step.
  ///
  /// A key lives from the event that makes it to the `forgotten` that names it. What no event forgets is drawn as still
  /// held.
  package enum Event: Sendable, Hashable {
    /// The side had this key before the first event.
    case held(Side, Key)
    /// A fresh key pair: `.ephemeral` or `.pair`.
    case made(Side, Key)
    /// The handshake was computed. Makes `.handshakeSecrets` and `.root(0)`.
    case handshake(Side, Handshake)
    /// The root key took a Diffie-Hellman result. Makes the root key and the chain.
    case turn(Side, Turn)
    /// A chain stepped, and its key before was overwritten. Makes the message key.
    case chainStep(Side, MessageKey)
    /// A message was passed over: its key stays for when it comes.
    case kept(Side, MessageKey)
    /// The key was wiped.
    case forgotten(Side, Key)
    case sealed(Side, Sealed)
    case opened(Side, Opened)
    case stored(StoredEnvelope)
    /// The recipient took it and acknowledged it.
    case delivered(RelayName)
  }

  package struct Handshake: Sendable, Hashable {
    package var initiator: Side
    /// Without `dh4` there was no one-time prekey.
    package var parts: [Part]

    package init(initiator: Side, parts: [Part]) {
      self.initiator = initiator
      self.parts = parts
    }

    package var usesOneTimePrekey: Bool { parts.contains(.dh4) }
  }

  /// In the order in which they are mixed.
  package enum Part: Sendable, Hashable, CaseIterable { case dh2, dh3, dh4, kem, dh1 }

  package struct Turn: Sendable, Hashable {
    /// Of the root key that it makes: 1 or more.
    package var root: Int
    /// What was agreed: a key of this side with a public key of the other one.
    package var own: Key
    package var peer: Key
    /// The chain that it makes: of this side if it is to send, of the other one if it is to receive.
    package var chain: Chain

    package init(root: Int, own: Key, peer: Key, chain: Chain) {
      self.root = root
      self.own = own
      self.peer = peer
      self.chain = chain
    }
  }

  package struct Sealed: Sendable, Hashable {
    package var key: MessageKey
    package var envelope: RelayName
    /// Of the whole envelope.
    package var bytes: Int
    /// Whether the handshake's prelude stands in front.
    package var hasPrelude: Bool
    /// Nil for receipts and the like.
    package var text: String?

    package init(_ key: MessageKey, envelope: RelayName, bytes: Int, hasPrelude: Bool, text: String?) {
      self.key = key
      self.envelope = envelope
      self.bytes = bytes
      self.hasPrelude = hasPrelude
      self.text = text
    }
  }

  package struct Opened: Sendable, Hashable {
    package var key: MessageKey
    package var envelope: RelayName
    package var text: String?

    package init(_ key: MessageKey, envelope: RelayName, text: String?) {
      self.key = key
      self.envelope = envelope
      self.text = text
    }
  }
}

// MARK: what the relay has

extension ConversationTrace {
  /// The first four bytes of a random name at the relay, of an envelope or of a mailbox.
  package struct RelayName: Sendable, Hashable {
    package var prefix: UInt32

    package init(_ prefix: UInt32) { self.prefix = prefix }

    /// Of the name itself; shorter ones are filled with zeros.
    package init(of bytes: some Sequence<UInt8>) {
      prefix = bytes.prefix(4).enumerated().reduce(0) { $0 | UInt32($1.element) << (24 - 8 * UInt32($1.offset)) }
    }
  }

  /// An envelope as it lies in the relay's queue.
  package struct StoredEnvelope: Sendable, Hashable {
    package var name: RelayName
    package var mailbox: RelayName
    package var bytes: Int
    /// By the type byte.
    package var hasPrelude: Bool
    /// Of the capability that the sender showed.
    package var capability: CapabilityClass
    /// Of arrival, since 1970-01-01. The relay keeps nothing finer.
    package var day: Int

    package init(
      name: RelayName, mailbox: RelayName, bytes: Int, hasPrelude: Bool, capability: CapabilityClass, day: Int
    ) {
      self.name = name
      self.mailbox = mailbox
      self.bytes = bytes
      self.hasPrelude = hasPrelude
      self.capability = capability
      self.day = day
    }
  }

  /// A search of all files of the relay for what must not be there.
  package struct RelaySearch: Sendable, Hashable {
    /// Rows of each table.
    package var tables: [Count]
    /// Of all files together, at most.
    package var bytes: Int
    package var searches: Int
    /// What was looked for: how many of each kind.
    package var needles: [Count]
    /// How often any of it was found.
    package var found: Int
    /// How often something was found that must be there: otherwise the search would prove nothing.
    package var controlFound: Int

    package init(
      tables: [Count], bytes: Int, searches: Int, needles: [Count], found: Int, controlFound: Int
    ) {
      self.tables = tables
      self.bytes = bytes
      self.searches = searches
      self.needles = needles
      self.found = found
      self.controlFound = controlFound
    }
  }

  package struct Count: Sendable, Hashable {
    package var what: String
    package var count: Int

    package init(_ what: String, _ count: Int) {
      self.what = what
      self.count = count
    }
  }
}
