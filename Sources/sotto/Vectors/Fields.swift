internal import Foundation
internal import SottoCrypto
internal import SottoWire

/// One JSON object of a vector file, read field by field: what is missing or of another type is named.
struct Fields {
  /// What the object holds, as JSONSerialization gives it.
  let values: [String: Any]
  /// Where it stands, for messages.
  let place: String
  /// Some public files write hexadecimal in upper case; our own never do.
  var allowsUpperCase = false

  init(_ value: Any?, _ place: String, allowsUpperCase: Bool = false) throws {
    guard let values = value as? [String: Any] else { throw BadVector("\(place) is not an object") }
    self.values = values
    self.place = place
    self.allowsUpperCase = allowsUpperCase
  }

  func has(_ name: String) -> Bool { values[name] != nil }

  func text(_ name: String) throws -> String {
    guard let text = try value(name) as? String else { throw wrong(name, "not a string") }
    return text
  }

  func number(_ name: String) throws -> Int {
    guard let number = try value(name) as? NSNumber, let exact = Int(number.stringValue) else {
      throw wrong(name, "not a whole number")
    }
    return exact
  }

  func flag(_ name: String) throws -> Bool {
    guard let flag = try value(name) as? Bool else { throw wrong(name, "not true or false") }
    return flag
  }

  func bytes(_ name: String) throws -> [UInt8] { try bytes(try text(name), name) }

  func secret(_ name: String) throws -> Secret { Secret(copying: try bytes(name)) }

  func texts(_ name: String) throws -> [String] {
    guard let texts = try value(name) as? [String] else { throw wrong(name, "not a list of strings") }
    return texts
  }

  func byteLists(_ name: String) throws -> [[UInt8]] { try texts(name).map { try bytes($0, name) } }

  func objects(_ name: String) throws -> [Fields] {
    guard let objects = try value(name) as? [Any] else { throw wrong(name, "not a list") }
    return try objects.enumerated().map { try Fields($1, "\(place).\(name)[\($0)]", allowsUpperCase: allowsUpperCase) }
  }

  func object(_ name: String) throws -> Fields {
    try Fields(try value(name), "\(place).\(name)", allowsUpperCase: allowsUpperCase)
  }

  private func value(_ name: String) throws -> Any {
    guard let value = values[name] else { throw BadVector("\(place) has no field \"\(name)\"") }
    return value
  }

  private func bytes(_ text: String, _ name: String) throws -> [UInt8] {
    guard let bytes = Hex.decode(allowsUpperCase ? text.lowercased() : text) else {
      throw wrong(name, "not hexadecimal (an even number of digits 0-9 a-f)")
    }
    return bytes
  }

  private func wrong(_ name: String, _ what: String) -> BadVector { BadVector("\(place).\(name) is \(what)") }
}
