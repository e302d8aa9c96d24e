internal import Foundation
internal import GRDB

// Between SQLite's values and ours. Data is what GRDB binds as a blob: it goes no further than this folder.

extension [UInt8] {
  var blob: Data { Data(self) }
}

extension Row {
  func bytes(_ column: Int) -> [UInt8] { [UInt8](self[column] as Data) }
  func number(_ column: Int) -> UInt64 { UInt64(self[column] as Int64) }
  func optionalNumber(_ column: Int) -> UInt64? { (self[column] as Int64?).map(UInt64.init) }
}
