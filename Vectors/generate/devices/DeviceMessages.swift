import SottoCrypto
import SottoSession
import SottoWire

/// Bodies of kind 9, field by field. [devices.5]
struct LinkBodies {
  let cast: Cast
  private var relay: [UInt8] { Array(cast.responder.relay.text.utf8) }

  func request(relay: String? = nil, index: UInt8 = 0, name: [UInt8] = Array("phone".utf8)) -> [UInt8] {
    let listed = cast.responder.card.list.devices[0]
    var device = WireWriter()
    listed.write(to: &device, [listed.relay])
    var entry = device.bytes
    // The index stands behind id, two keys and a hash.
    entry[8 + 32 + 32 + 32] = index
    var writer = WireWriter()
    writer.u8(2)
    writer.vector(relay.map { Array($0.utf8) } ?? self.relay)
    writer.fixed(entry)
    writer.fixed(seq(0x07, 32))
    writer.vector(name)
    return writer.bytes
  }

  func grant(_ names: [([UInt8], String)], history: [UInt8]) -> [UInt8] {
    var writer = WireWriter()
    writer.u8(3)
    writer.list(names) { writer, entry in
      writer.fixed(entry.0)
      writer.vector(Array(entry.1.utf8))
    }
    writer.fixed(history)
    return writer.bytes
  }

  var card: [UInt8] { [4] + cast.responder.card.encoded() }
}

/// A body of kind 10, field by field. [devices.8]
struct CopyBody {
  var name = "bob"
  var standing: UInt8 = 1
  var timer: UInt32 = 0
  var author: UInt8 = 0
  var content: [UInt8] = []

  func bytes(_ cast: Cast) -> [UInt8] {
    let player = cast.initiator
    var writer = WireWriter()
    writer.fixed(player.account.id.bytes)
    writer.fixed(player.contactSecret.bytes)
    writer.vector(Array(player.relay.text.utf8))
    writer.vector(Array(name.utf8))
    writer.u8(standing)
    writer.u64(1_767_225_600)
    writer.u32(timer)
    writer.u8(author)
    writer.fixed(content)
    return writer.bytes
  }
}
