#if Fleet
  /// SQL with a name, under which each connection prepares it once.
  struct Statement: Sendable {
    let name: String
    let sql: String

    init(_ name: String, _ sql: String) { (self.name, self.sql) = (name, sql) }

    static let begin = Statement("begin", "BEGIN ISOLATION LEVEL READ COMMITTED")
    static let commit = Statement("commit", "COMMIT")
    static let rollback = Statement("rollback", "ROLLBACK")

    /// To be run with these.
    func callAsFunction(_ values: Value...) -> Call { Call(statement: self, values: values) }
  }

  /// A statement and what it is run with.
  struct Call {
    let statement: Statement
    let values: [Value]
  }

  /// A parameter, sent in PostgreSQL's binary format.
  enum Value {
    case null
    /// `uuid`: what has 16 bytes, compared faster than `bytea` and without a length.
    case id(UInt128)
    /// `bytea`
    case bytes([UInt8])
    /// `bigint`
    case number(Int64)
    case ids([UInt128])
    case numbers([Int64])
    case manyBytes([ArraySlice<UInt8>])

    static func number(_ value: Int) -> Value { .number(Int64(value)) }
    static func number(_ value: UInt64) -> Value { .number(Int64(value)) }
    static func number(_ value: UInt64?) -> Value { value.map { .number(Int64($0)) } ?? .null }
  }

  /// Parameters of one statement, one after the other.
  struct Parameters {
    private(set) var bytes: [UInt8] = []
    /// nil is NULL.
    private(set) var places: [Range<Int>?] = []

    init(_ values: [Value]) {
      bytes.reserveCapacity(values.reduce(0) { $0 + Self.size(of: $1) })
      for value in values { append(value) }
    }

    private mutating func append(_ value: Value) {
      let start = bytes.count
      switch value {
      case .null: return places.append(nil)
      case .id(let id): put(id)
      case .bytes(let value): bytes += value
      case .number(let number): put(UInt64(bitPattern: number))
      case .ids(let ids):
        beginArray(of: .uuid, ids.count)
        for id in ids {
          put(UInt32(16))
          put(id)
        }
      case .numbers(let numbers):
        beginArray(of: .int8, numbers.count)
        for number in numbers {
          put(UInt32(8))
          put(UInt64(bitPattern: number))
        }
      case .manyBytes(let slices):
        beginArray(of: .bytea, slices.count)
        for slice in slices {
          put(UInt32(slice.count))
          bytes += slice
        }
      }
      places.append(start..<bytes.count)
    }

    /// The object ids of `pg_type`.
    private enum ElementType: UInt32 {
      case bytea = 17
      case int8 = 20
      case uuid = 2950
    }

    /// Dimensions, whether there are NULLs, the type, the count, the index of the first.
    private mutating func beginArray(of type: ElementType, _ count: Int) {
      put(UInt32(1))
      put(UInt32(0))
      put(type.rawValue)
      put(UInt32(count))
      put(UInt32(1))
    }

    private mutating func put(_ value: UInt32) {
      for shift in [24, 16, 8, 0] { bytes.append(UInt8(truncatingIfNeeded: value >> shift)) }
    }

    private mutating func put(_ value: UInt64) {
      put(UInt32(truncatingIfNeeded: value >> 32))
      put(UInt32(truncatingIfNeeded: value))
    }

    private mutating func put(_ value: UInt128) {
      put(UInt64(truncatingIfNeeded: value >> 64))
      put(UInt64(truncatingIfNeeded: value))
    }

    private static func size(of value: Value) -> Int {
      switch value {
      case .null: 0
      case .id: 16
      case .number: 8
      case .bytes(let bytes): bytes.count
      case .ids(let ids): 20 + 20 * ids.count
      case .numbers(let numbers): 20 + 12 * numbers.count
      case .manyBytes(let slices): slices.reduce(20) { $0 + 4 + $1.count }
      }
    }
  }
#endif
