import SottoCrypto
import SottoSession
import SottoWire

extension ListHead {
  /// The 40 bytes.
  var encoded: [UInt8] {
    var writer = WireWriter()
    write(to: &writer)
    return writer.bytes
  }

  /// No list was seen.
  static let none = ListHead(sequence: 0, hash: .zero)
}

extension Device {
  /// The same device, but for what is named.
  func with(
    id: DeviceID? = nil, signingKey: VerifyingKey? = nil, identityKey: AgreementPublicKey? = nil,
    mailbox: MailboxID? = nil, versions: [UInt8]? = nil
  ) -> Device {
    Device(
      id: id ?? self.id, signingKey: signingKey ?? self.signingKey, postQuantumKeyHash: postQuantumKeyHash,
      identityKey: identityKey ?? self.identityKey, relay: relay, mailbox: mailbox ?? self.mailbox,
      versions: versions ?? self.versions)
  }
}

/// A device of which nobody has the private keys: the n-th that fills a list.
func fillerDevice(_ n: Int, at relay: RelayAuthority, _ versions: [UInt8] = [1]) throws -> Device {
  /// X25519 ignores the three lowest bits of a private key.
  func numbered(_ first: Int, _ count: Int) -> [UInt8] { [UInt8(n % 32 * 8)] + seq(first + n / 32, count - 1) }
  return Device(
    id: try DeviceID(numbered(0xd1, 8)), signingKey: try SigningKey(seed: Secret(copying: numbered(1, 32))).publicKey,
    postQuantumKeyHash: try Digest(numbered(2, 32)),
    identityKey: try AgreementPrivateKey(Secret(copying: numbered(3, 32))).publicKey, relay: relay,
    mailbox: try MailboxID(numbered(4, 16)), versions: versions)
}

extension Player {
  /// The first list, but for what is named.
  func list(
    account: AccountID? = nil, sequence: UInt64 = 1, previous: Digest = .zero, from: UnixTime? = nil,
    until: UnixTime? = nil, relays: [RelayAuthority]? = nil, devices: [Device]? = nil
  ) -> DeviceList {
    let first = card.list
    return DeviceList(
      account: account ?? first.account, sequence: sequence, previous: previous, notBefore: from ?? first.notBefore,
      notAfter: until ?? first.notAfter, nextAccount: first.nextAccount, relays: relays ?? first.relays,
      devices: devices ?? first.devices)
  }
}
