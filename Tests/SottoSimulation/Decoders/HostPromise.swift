import Foundation

/// Who connects reads a URL by Foundation's rules: it must find the host and the port that ours have found, and nobody's name.
/// What it cannot read nobody connects to.
package func promiseOneHost(_ text: String) throws {
  guard let url = URL(string: text) else { return }
  let host = (url.host(percentEncoded: false) ?? "").trimmingCharacters(in: CharacterSet(charactersIn: "[]"))
  let shown = Array((host.contains(":") ? "[\(host)]" : host).lowercased().utf8)
  // Scheme, nothing, and what stands between the second slash and the third.
  let parts = text.lowercased().utf8.split(separator: UInt8(ascii: "/"), maxSplits: 2, omittingEmptySubsequences: false)
  try promise(parts.count == 3 && parts[1].isEmpty && url.user == nil && !shown.isEmpty, "\(text) has another reading")
  let place = Array(parts[2])
  try promise(place.starts(with: shown), "\(text): somebody connects to \(host)")
  let rest = place[shown.count...]
  switch rest.first {
  case nil, UInt8(ascii: "/"), UInt8(ascii: "?"): try promise(url.port == nil, "\(text): another port")
  case UInt8(ascii: ":"):
    let digits = rest.dropFirst().prefix { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }
    try promise(url.port == Int(String(decoding: digits, as: UTF8.self)), "\(text): another port")
  default: try promise(false, "\(text): somebody connects to \(host)")
  }
}
