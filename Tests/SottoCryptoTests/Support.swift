import SottoCrypto

/// The bytes of a hexadecimal literal; white space in it is for the eye.
func hex(_ text: String) -> [UInt8] {
  let digits = text.filter { !$0.isWhitespace }.map { UInt8($0.hexDigitValue!) }
  precondition(digits.count.isMultiple(of: 2))
  return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
}

/// The same, as a secret.
func secret(_ text: String) -> Secret { Secret(copying: hex(text)) }

/// What `body` refuses with; nil when it does not. For bodies whose value cannot be copied into `#expect`.
func refusal<T: ~Copyable>(_ body: () throws(CryptoError) -> T) -> CryptoError? {
  do {
    _ = try body()
    return nil
  } catch {
    return error
  }
}

/// Ends a value's life here.
func drop<T: ~Copyable>(_ value: consuming T) {}
