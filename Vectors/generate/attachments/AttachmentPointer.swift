import SottoCrypto
import SottoSession
import SottoWire

/// A pointer as it stands in the file, and in bytes: also what no reader takes.
private struct PointerInput {
  var relay = "relay.example"
  var length = 5
  var name = Array("hello.txt".utf8)
  var mediaType = "text/plain"

  var named: Named {
    [
      "blob": .bytes(seq(0x00, 16)), "relay": .text(relay), "key": .bytes(seq(0x20, 32)), "length": .number(length),
      "name": .text(String(decoding: name, as: UTF8.self)), "media_type": .text(mediaType),
    ]
  }

  var bytes: [UInt8] {
    var writer = WireWriter()
    writer.fixed(seq(0x00, 16))
    writer.vector(Array(relay.utf8))
    writer.fixed(seq(0x20, 32))
    writer.u64(UInt64(length))
    writer.vector(name)
    writer.vector(Array(mediaType.utf8))
    return writer.bytes
  }
}

@Sendable func attachmentPointer(_: Recorded) throws -> VectorFile {
  func input(_ change: (inout PointerInput) -> Void) -> PointerInput {
    var input = PointerInput()
    change(&input)
    return input
  }
  func one(_ id: String, _ rule: String, _ comment: String, _ change: (inout PointerInput) -> Void) throws -> Case {
    let input = input(change)
    return try Case(id, rule, comment, input.named) {
      let read = try SottoSession.Attachment(decoding: input.bytes)
      try expectEqual(read.encoded, input.bytes, id)
      return ["encoded": .bytes(input.bytes)]
    }
  }
  func refused(_ id: String, _ rule: String, _ comment: String, _ bytes: [UInt8]) throws -> Case {
    try Case(id, rule, comment, ["encoded": .bytes(bytes)], refusedAt: .encoding) {
      _ = try SottoSession.Attachment(decoding: bytes)
    }
  }
  func named(_ id: String, _ comment: String, _ name: [UInt8]) throws -> Case {
    try refused("name-\(id)", "attachments.11", comment, input { $0.name = name }.bytes)
  }
  func named(_ id: String, _ comment: String, _ name: String) throws -> Case {
    try named(id, comment, Array(name.utf8))
  }
  func typed(_ id: String, _ comment: String, _ type: String) throws -> Case {
    try refused("type-\(id)", "attachments.12", comment, input { $0.mediaType = type }.bytes)
  }
  let example = PointerInput().bytes
  let good = [
    try one("example", "attachments.9", "the example in Specs/Attachments.md") { _ in },
    try one("no-type", "attachments.12", "nothing is said of what it is") { $0.mediaType = "" },
    try one("longest", "attachments.1", "4 GiB") { $0.length = 1 << 32 },
    try one("longest-name", "attachments.11", "255 bytes") { $0.name = [UInt8](repeating: 0x78, count: 255) },
    try one("any-name", "attachments.11", "spaces, points, letters of any script, an image of several characters") {
      $0.name = Array(".. Zu\u{308}rich 文書 👩‍👧.tar.gz".utf8)
    },
    try one("any-type", "attachments.12", "every sign that a name may have") {
      $0.mediaType = "0/9!#$&-^_.+" + String(repeating: "a", count: 115)
    },
  ]
  return VectorFile(
    construction: "attachments", operation: "pointer", description: "What a message says about a file",
    cases: good + [
      try refused("beyond", "attachments.1", "4 GiB and a byte", input { $0.length = 1 << 32 + 1 }.bytes),
      try refused("cut", "encoding.1", "a byte less", example.dropLast()),
      try refused("trailing", "encoding.2", "a byte more", example + [0]),
      try refused("relay", "address.3", "the relay in another spelling", input { $0.relay = "Relay.example" }.bytes),
      try named("none", "no name", ""), try named("point", "one point", "."), try named("points", "two points", ".."),
      try named("slash", "a step more", "a/b"), try named("backslash", "the same elsewhere", "a\\b"),
      try named("zero", "a byte 0", "a\u{0}b"), try named("control", "U+0085, a control", "a\u{85}"),
      try named("delete", "U+007F", "a\u{7f}"), try named("line", "U+2028, an end of line", "a\u{2028}"),
      try named("direction", "U+202E turns what follows", "a\u{202e}txt.exe"),
      try named("isolate", "U+2067 turns what follows", "a\u{2067}b"), try named("mark", "U+200F", "a\u{200f}"),
      try named("latin-1", "a letter in Latin-1", [0x61, 0xfc]),
      try named("long", "256 bytes", [UInt8](repeating: 0x78, count: 256)),
      try typed("bare", "no subtype", "text"), try typed("upper", "an upper-case letter", "Text/plain"),
      try typed("parameter", "a parameter", "text/plain;charset=utf-8"), try typed("three", "three parts", "a/b/c"),
      try typed("empty", "an empty subtype", "text/"), try typed("point", "a name begins with a point", "text/.a"),
      try typed("long", "128 bytes", "a/" + String(repeating: "b", count: 126)),
    ])
}

extension SottoSession.Attachment {
  var encoded: [UInt8] {
    var writer = WireWriter()
    write(to: &writer)
    return writer.bytes
  }
}
