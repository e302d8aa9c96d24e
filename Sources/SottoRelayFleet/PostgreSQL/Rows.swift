#if Fleet
  internal import CLibpq
  internal import SottoWire

  /// What one statement answered. Columns are in PostgreSQL's binary format.
  @safe final class Rows {
    private let result: OpaquePointer
    let count: Int

    init(_ result: OpaquePointer) {
      unsafe self.result = result
      count = Int(unsafe PQntuples(result))
    }

    deinit { unsafe PQclear(result) }

    var status: ExecStatusType { unsafe PQresultStatus(result) }

    /// SQLSTATE, of a failure.
    var state: String? {
      unsafe PQresultErrorField(result, Int32(UInt8(ascii: "C"))).map { unsafe String(cString: $0) }
    }

    var isEmpty: Bool { count == 0 }
    var indices: Range<Int> { 0..<count }

    /// `COMMIT`, or `ROLLBACK` when it was none.
    var command: String { unsafe String(cString: PQcmdStatus(result)) }

    /// How many rows were changed.
    var changed: Int { Int(unsafe String(cString: PQcmdTuples(result))) ?? 0 }

    func isNull(_ row: Int, _ column: Int) -> Bool { unsafe PQgetisnull(result, Int32(row), Int32(column)) != 0 }

    func bytes(_ row: Int, _ column: Int) -> [UInt8] {
      let count = Int(unsafe PQgetlength(result, Int32(row), Int32(column)))
      return unsafe [UInt8](
        UnsafeRawBufferPointer(start: PQgetvalue(result, Int32(row), Int32(column)), count: count))
    }

    /// `smallint`, `integer` or `bigint`.
    func number(_ row: Int, _ column: Int) -> Int64 {
      let bytes = bytes(row, column)
      let isNegative = (bytes.first ?? 0) & 0x80 != 0
      return bytes.reduce(isNegative ? -1 : 0) { $0 << 8 | Int64($1) }
    }

    func unsigned(_ row: Int, _ column: Int) -> UInt64 { UInt64(clamping: number(row, column)) }

    func optional(_ row: Int, _ column: Int) -> UInt64? { isNull(row, column) ? nil : unsigned(row, column) }

    /// `integer[]` without a NULL: five words about the array, then of each element its length and itself.
    func numbers(_ row: Int, _ column: Int) -> [Int32] {
      let bytes = bytes(row, column)
      func word(_ start: Int) -> Int32 { bytes[start..<start + 4].reduce(0) { $0 << 8 | Int32($1) } }
      return stride(from: 20, to: bytes.count, by: 8).map { word($0 + 4) }
    }

    /// `uuid`.
    func id(_ row: Int, _ column: Int) -> UInt128 { UInt128(bytes: bytes(row, column)) }
  }
#endif
