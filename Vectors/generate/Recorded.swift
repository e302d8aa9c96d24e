import Foundation
import SottoCrypto
import SottoSession

/// The `given` fields of the files that are there: what cannot be computed again.
struct Recorded: Sendable {
  let folder: URL

  /// The bytes of a `given` field; nil when nothing was recorded yet.
  func bytes(_ path: String, _ id: String, _ field: String) throws -> [UInt8]? {
    guard let data = try? Data(contentsOf: folder.appending(path: path)) else { return nil }
    let cases = try JSONDecoder().decode(File.self, from: data).cases
    return cases.first { $0.id == id }?.given?[field].map(hex)
  }

  private struct File: Decodable {
    struct Case: Decodable {
      let id: String
      let given: [String: String]?
    }
    let cases: [Case]
  }
}

/// A recorded value that no longer fits what it was recorded for.
struct StaleRecord: Error, CustomStringConvertible {
  let description: String
}

// Most hybrid signatures are recorded in two files; all are verified each time.
extension Recorded {
  /// A Card with these bytes as its list: its signature is that of identity/card, or fresh when there is none.
  func card(
    _ id: String, _ list: [UInt8], by account: borrowing AccountKeys, in path: String = "identity/card.json"
  ) throws -> [UInt8] {
    try Self.card(try bytes(path, id, "card"), list, by: account, "\(path): \(id)")
  }

  /// `recorded`, if it is a Card with these bytes as its list; a fresh one when nothing was recorded.
  static func card(
    _ recorded: [UInt8]?, _ list: [UInt8], by account: borrowing AccountKeys, _ place: String
  ) throws -> [UInt8] {
    let key = account.signing.publicKey
    let head = key.classical.bytes + key.postQuantum.bytes + lengthPrefix(list.count) + list
    guard let bytes = recorded else {
      return head + (try account.signing.sign("device list", list).bytes)
    }
    guard bytes.starts(with: head), let signature = try? HybridSignature(Array(bytes[head.count...])),
      key.verify(signature, "device list", over: list)
    else { throw StaleRecord(description: "\(place): the recorded card is not the one that is wanted") }
    return bytes
  }

  /// A PublishedSignedPart with this content: its signature is that of prekeys/bundle, or fresh when there is none.
  func published(
    _ id: String, _ content: [UInt8], id spkID: UInt64, by device: borrowing DeviceKeys,
    under keys: borrowing ContactKeys, in path: String = "prekeys/bundle.json"
  ) throws -> [UInt8] {
    let key = device.signing.publicKey
    let head = key.postQuantum.bytes + lengthPrefix(content.count) + content
    guard let sealed = try bytes(path, id, "signed_part") else {
      return head + (try device.signing.sign("signed part", content).bytes)
    }
    let kind = SealedKind.signedPart(device.mailbox, id: spkID)
    guard let published = try? kind.open(sealed, under: keys.cardKey()), published.starts(with: head),
      let signature = try? HybridSignature(Array(published[head.count...])),
      key.verify(signature, "signed part", over: content)
    else { throw StaleRecord(description: "\(path): the recorded part \(id) is not the one that is wanted") }
    return published
  }
}
