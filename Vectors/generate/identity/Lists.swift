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
  // X25519 ignores the three lowest bits of a private key.
  let number = [UInt8(8 * n)]
  return Device(
    id: try DeviceID(number + seq(0xd1, 7)),
    signingKey: try SigningKey(seed: Secret(copying: number + seq(1, 31))).publicKey,
    postQuantumKeyHash: try Digest(number + seq(2, 31)),
    identityKey: try AgreementPrivateKey(Secret(copying: number + seq(3, 31))).publicKey, relay: relay,
    mailbox: try MailboxID(number + seq(4, 15)), versions: versions)
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
