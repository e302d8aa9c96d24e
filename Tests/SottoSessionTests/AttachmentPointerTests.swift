import SottoCrypto
import SottoSession
import SottoSimulation
import SottoWire
import Testing

// Testing has another type of this name.
private typealias Attachment = SottoSession.Attachment

/// What a message says about a file.
@Suite(.sealsAreWatched) struct AttachmentPointerTests {
  /// The fields as they stand in the bytes, so that each can be one that no pointer has.
  private struct Fields {
    var blob = [UInt8](0..<16)
    var relay = Array("relay.example".utf8)
    var key = [UInt8](0x20..<0x40)
    var length: UInt64 = 1_000
    var name = Array("Zürich.jpeg".utf8)
    var mediaType = Array("image/jpeg".utf8)

    var bytes: [UInt8] {
      var writer = WireWriter()
      writer.fixed(blob)
      writer.vector(relay)
      writer.fixed(key)
      writer.u64(length)
      writer.vector(name)
      writer.vector(mediaType)
      return writer.bytes
    }
  }

  private func bytes(_ change: (inout Fields) -> Void) -> [UInt8] {
    var fields = Fields()
    change(&fields)
    return fields.bytes
  }

  private func refusal(_ change: (inout Fields) -> Void) -> RefusalStage? {
    let bytes = bytes(change)
    return stage { try Attachment(decoding: bytes) }
  }

  private func encoded(_ attachment: Attachment) -> [UInt8] {
    var writer = WireWriter()
    attachment.write(to: &writer)
    return writer.bytes
  }

  // [attachments.9]
  @Test func everyFieldRoundTrips() throws {
    let attachment = Attachment(
      blob: try BlobID([UInt8](0..<16)), relay: try #require(RelayAuthority("relay.example")),
      key: AttachmentKey(Secret(copying: [UInt8](0x20..<0x40))), layout: try #require(AttachmentLayout(length: 1_000)),
      name: try #require(FileName("Zürich.jpeg")), mediaType: MediaType("image/jpeg"))
    #expect(encoded(attachment) == Fields().bytes)
    #expect(try Attachment(decoding: Fields().bytes) == attachment)
    let plain = try Attachment(decoding: bytes { $0.mediaType = [] })
    #expect(plain.mediaType == nil && plain.length == 1_000 && encoded(plain) == bytes { $0.mediaType = [] })
  }

  // [attachments.10]
  @Test func thereIsOneSpelling() throws {
    let whole = Fields().bytes
    for other in whole.indices.map({ Array(whole.prefix($0)) }) + [whole + [0]] {
      #expect(stage { try Attachment(decoding: other) } == .encoding)
    }
    // A length in two bytes that fits one.
    let relay = try whole.replacing([13] + Array("relay".utf8), with: [0x40, 13] + Array("relay".utf8))
    #expect(stage { try Attachment(decoding: relay) } == .encoding)
    for relay in ["", "Relay.example", "relay.example:443", "relay.example/", String(repeating: "a", count: 260)] {
      #expect(refusal { $0.relay = Array(relay.utf8) } == .encoding, "\(relay)")
    }
  }

  // [attachments.1] [attachments.10] A31: refused as a number, before there is anything to open.
  @Test func aFileHasAtMostFourGiB() throws {
    for length in [0, 1, 1 << 31, 1 << 32 - 1, 1 << 32] as [UInt64] {
      #expect(try Attachment(decoding: bytes { $0.length = length }).length == length)
    }
    for length in [1 << 32 + 1, 1 << 33, 1 << 63, .max] as [UInt64] {
      #expect(refusal { $0.length = length } == .encoding, "\(length)")
    }
  }

  private static let badNames = [
    "", ".", "..", "/", "a/b", "../a", "a/", "a\\b", "\0", "a\0.txt", "\n", "a\u{7f}", "a\u{85}", "a\u{9f}",
    "a\u{2028}", "a\u{2029}b", "\u{202e}txt.exe", "a\u{2066}b", "a\u{200f}b", "\u{61c}",
  ]

  // [attachments.11]
  @Test func aNameIsOneStepOfAPath() throws {
    let good = [
      "a", "a b", "...", ".hidden", "Zürich", "Zu\u{308}rich", "文書.pdf", "👩‍👩‍👧.png", "a:b", "~", "-rf", "a.",
      String(repeating: "x", count: 255), String(repeating: "é", count: 127),
    ]
    for name in good {
      let read = try Attachment(decoding: bytes { $0.name = Array(name.utf8) })
      #expect(Array(read.name.text.utf8) == Array(name.utf8))
    }
    let tooLong = [String(repeating: "x", count: 256), String(repeating: "é", count: 128)]
    for name in Self.badNames + tooLong {
      #expect(FileName(name) == nil)
      #expect(refusal { $0.name = Array(name.utf8) } == .encoding, "\(name)")
    }
    for name in [[0xff], [0x61, 0xc3], [0xc0, 0xaf], [0xed, 0xa0, 0x80]] as [[UInt8]] {
      #expect(refusal { $0.name = name } == .encoding)
    }
  }

  // [attachments.11] An author's own names are made such that readers take them.
  @Test func everyNameCanBeMadeGood() {
    let made = [
      ("photo.jpeg", "photo.jpeg"), ("../../etc/passwd", ".._.._etc_passwd"), ("", "file"), (".", "file"),
      ("..", "file"), ("a\u{202e}gpj.exe", "a_gpj.exe"), ("C:\\x", "C:_x"), ("\u{0}", "_"),
    ]
    for (name, expected) in made { #expect(FileName(sanitising: name).text == expected) }
    let long = FileName(sanitising: String(repeating: "é", count: 200)).text
    #expect(long == String(repeating: "é", count: 127))
    for name in Self.badNames { #expect(FileName(FileName(sanitising: name).text) != nil) }
  }

  // [attachments.12]
  @Test func aMediaTypeHasOneSpelling() throws {
    let longest = "a/" + String(repeating: "b", count: 125)
    for type in ["image/jpeg", "image/svg+xml", "application/vnd.ms-excel", "x/1", "1/a!#$&-^_.+", longest] {
      #expect(try Attachment(decoding: bytes { $0.mediaType = Array(type.utf8) }).mediaType?.text == type)
    }
    let bad = [
      "image", "/", "image/", "/jpeg", "a/b/c", "Image/jpeg", "image/jpeg ", "text/plain;charset=utf-8", "a/!", "a/é",
      "a/\u{0}", "../a", "a/" + String(repeating: "b", count: 126),
    ]
    for type in bad {
      #expect(MediaType(type) == nil)
      #expect(refusal { $0.mediaType = Array(type.utf8) } == .encoding, "\(type)")
    }
  }
}
