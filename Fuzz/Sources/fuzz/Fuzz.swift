import ClientDecoders
import Foundation
import GatewayDecoders
import RelayDecoders
import SottoSimulation

// libFuzzer's two entry points. Options that begin with two hyphens it leaves to us: `--decoder=NAME` chooses what is
// fuzzed; `--list` prints names and limits; `--seeds=FOLDER` beside it writes a folder of honest inputs for each.

private let decoders = Decoder.all + [Decoder.relay, Decoder.client, Decoder.gateway]
private nonisolated(unsafe) var decoder = decoders[0]

@_cdecl("LLVMFuzzerInitialize")
public func initialize(
  _ count: UnsafeMutablePointer<CInt>,
  _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>>>
) -> CInt {
  let options = (0..<Int(count.pointee)).map { String(cString: arguments.pointee[$0]) }
  func value(_ option: String) -> Substring? {
    options.first { $0.hasPrefix("--\(option)=") }?.dropFirst(option.count + 3)
  }
  if options.contains("--list") {
    for decoder in decoders { print(decoder.name, decoder.limit) }
    if let folder = value("seeds") { writeSeeds(to: String(folder)) }
    exit(0)
  }
  if let name = value("decoder") {
    guard let chosen = decoders.first(where: { $0.name == name }) else { fatalError("no decoder \(name)") }
    decoder = chosen
  }
  return 0
}

@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  do {
    _ = try decoder.check(Array(UnsafeBufferPointer(start: start, count: count)))
  } catch {
    fatalError("\(decoder.name): \(error)")
  }
  return 0
}

private func writeSeeds(to folder: String) {
  for decoder in decoders {
    let place = URL(filePath: folder).appending(path: decoder.name)
    try! FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
    for (index, seed) in decoder.seeds.enumerated() {
      try! Data(seed).write(to: place.appending(path: "seed-\(index)"))
    }
  }
}
