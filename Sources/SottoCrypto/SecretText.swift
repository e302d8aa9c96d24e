internal import CSodium

/// Secrets as text, as they stand in files: in memory that is wiped, and in time that depends on lengths alone.
extension Secret {
  /// Hexadecimal digits, the letters small.
  package func digits() -> Secret {
    // With the zero at the end of a string of C.
    let text = Secret(zeroed: 2 * count + 1)
    unsafe sodium_bin2hex(
      UnsafeMutableRawPointer(text.mutablePointer).assumingMemoryBound(to: CChar.self), text.count, pointer, count)
    return text.slice(0..<2 * count)
  }

  /// Base64 for URLs, without padding (RFC 4648 section 5).
  package func base64URL() -> Secret {
    let text = Secret(zeroed: sodium_base64_encoded_len(count, Self.variant))
    unsafe sodium_bin2base64(
      UnsafeMutableRawPointer(text.mutablePointer).assumingMemoryBound(to: CChar.self), text.count, pointer, count,
      Self.variant)
    return text.slice(0..<text.count - 1)
  }

  /// What this text says in Base64 for URLs; nil for any but the one spelling of the same bytes.
  package func decodingBase64URL() -> Secret? {
    let bytes = Secret(zeroed: count / 4 * 3 + 2)
    var length = 0
    let status = unsafe sodium_base642bin(
      bytes.mutablePointer, bytes.count, UnsafeRawPointer(pointer).assumingMemoryBound(to: CChar.self), count, nil,
      &length, nil, Self.variant)
    guard status == 0 else { return nil }
    return bytes.slice(0..<length)
  }

  private static var variant: Int32 { Int32(sodium_base64_VARIANT_URLSAFE_NO_PADDING) }
}
