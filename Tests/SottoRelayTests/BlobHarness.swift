import Foundation
import NIOCore
import NIOPosix
import SottoCrypto
import SottoRelay
import SottoWire
import Testing

/// Bytes that are like nothing else.
func blobBytes(_ length: Int, seed: UInt64 = 1) -> [UInt8] {
  var state = seed &* 0x9e37_79b9_7f4a_7c15 | 1
  return [UInt8](unsafeUninitializedCapacity: length) { buffer, filled in
    for index in 0..<length {
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      buffer[index] = UInt8(truncatingIfNeeded: state)
    }
    filled = length
  }
}

func blobID(_ number: UInt8) -> BlobID { try! BlobID([UInt8](repeating: number, count: 16)) }

extension TestRelay {
  func claimUpload(_ owner: borrowing Owner, _ id: BlobID, _ length: Int) async throws -> Answer {
    let fields = [
      HeaderField(HeaderName.capability, owner.contact.text), HeaderField(HeaderName.uploadLength, String(length)),
    ]
    return try await send("PUT", Route.upload(owner.mailbox, id).path, fields)
  }

  func append(_ owner: borrowing Owner, _ id: BlobID, _ bytes: [UInt8], at offset: Int) async throws -> Answer {
    let fields = [
      HeaderField(HeaderName.capability, owner.contact.text), HeaderField(HeaderName.uploadOffset, String(offset)),
    ]
    return try await send("PATCH", Route.upload(owner.mailbox, id).path, fields, body: bytes)
  }

  func upload(_ owner: borrowing Owner, _ id: BlobID, _ bytes: [UInt8]) async throws {
    #expect(try await claimUpload(owner, id, bytes.count).status == 204)
    let answer = try await append(owner, id, bytes, at: 0)
    #expect(answer.status == 201 && answer.offset == bytes.count)
  }

  func read(_ id: BlobID, _ fields: [HeaderField] = []) async throws -> Answer {
    try await send("GET", Route.blob(id).path, fields)
  }

  /// The beginning of a PATCH that says it has `declared` bytes.
  func halfPatch(
    _ owner: borrowing Owner, _ id: BlobID, _ bytes: [UInt8], at offset: Int, declared: Int
  ) async throws -> RawConnection {
    let head = """
      PATCH \(Route.upload(owner.mailbox, id).path) HTTP/1.1\r
      host: \(authority.text)\r
      content-length: \(declared)\r
      sotto-capability: \(owner.contact.text)\r
      upload-offset: \(offset)\r
      \r

      """
    let connection = try await RawConnection.open(to: self)
    try await connection.send(Array(head.utf8) + bytes)
    return connection
  }

  /// The files of a part of DATA/blobs, with their lengths.
  func blobFiles(_ part: String) -> [String: Int] { BlobFolder.files(folder.path, part) }

  /// Waits until the disk is as it should be: a relay removes files when it comes to it.
  func untilFiles(_ part: String, are lengths: [Int]) async throws {
    try await until { blobFiles(part).values.sorted() == lengths }
  }
}

extension Answer {
  var offset: Int? { field("upload-offset").flatMap { Int($0) } }
}

/// DATA/blobs as it lies on the disk.
enum BlobFolder {
  /// Paths and lengths of the files under `arriving` or `whole`.
  static func files(_ data: String, _ part: String) -> [String: Int] { contents(data + "/blobs/" + part) }

  /// Of all files in a folder.
  static func contents(_ folder: String) -> [String: Int] {
    let root = URL(filePath: folder)
    let paths = FileManager.default.enumerator(at: root, includingPropertiesForKeys: nil)?.allObjects as? [URL] ?? []
    var found: [String: Int] = [:]
    for url in paths {
      let facts = try? FileManager.default.attributesOfItem(atPath: url.path)
      if facts?[.type] as? FileAttributeType == .typeRegular { found[url.path] = facts?[.size] as? Int }
    }
    return found
  }

  /// How many files under `folder` this process has open.
  static func open(in folder: String) -> Int {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
    return names.count { name in
      (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/" + name))?.hasPrefix(folder) ?? false
    }
  }
}

/// A TCP connection that reads only when it is told to.
final class RawConnection: Sendable {
  private let channel: any Channel
  private init(_ channel: any Channel) { self.channel = channel }

  static func open(to relay: TestRelay) async throws -> RawConnection {
    let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .channelOption(.autoRead, value: false)
      .connect(host: relay.authority.host, port: relay.authority.port).get()
    return RawConnection(channel)
  }

  func send(_ bytes: [UInt8]) async throws { try await channel.writeAndFlush(ByteBuffer(bytes: bytes)) }

  /// Reads until the other side has ended it.
  func untilEnded() async throws {
    // It fails when that has been noticed already.
    try? await channel.setOption(.autoRead, value: true).get()
    try await channel.closeFuture.get()
  }

  func close() async throws { try await channel.close() }
}

/// Sends requests on one connection and collects what comes back.
struct RawReader {
  private let socket: NIOAsyncChannel<ByteBuffer, ByteBuffer>

  static func open(to relay: TestRelay) async throws -> RawReader {
    let socket = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .connect(host: relay.authority.host, port: relay.authority.port) { channel in
        channel.eventLoop.makeCompletedFuture {
          try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
        }
      }
    return RawReader(socket: socket)
  }

  /// The heads of so many answers, and any bodies between them.
  func exchange(_ requests: String, answers: Int) async throws -> String {
    try await socket.executeThenClose { inbound, outbound in
      try await outbound.write(ByteBuffer(string: requests))
      var text = ""
      for try await part in inbound {
        text += String(buffer: part)
        if text.components(separatedBy: "\r\n\r\n").count > answers { break }
      }
      return text
    }
  }
}
