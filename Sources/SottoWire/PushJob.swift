public import SottoCrypto

/// What the push gateway knows a subscription by: drawn by the relay for each, so that it says nothing of the mailbox, and
/// not whether two of them are of one. [push.3]
public struct PushHandle: Hashable, Sendable {
  package let number: UInt128
  /// The 16 bytes.
  public var bytes: [UInt8] { number.bytes }

  /// A fresh one.
  public init(from entropy: inout some Entropy) { number = UInt128(bytes: entropy.bytes(16)) }

  package init(number: UInt128) { self.number = number }
}

/// One device to be woken, as the relay tells the push gateway: no mailbox, no sender, no count. [push.3] [leakage.7]
public struct PushJob: Hashable, Sendable {
  /// Of this encoding.
  public static let version: UInt8 = 1
  public let handle: PushHandle
  /// 1 to 2,048 bytes that the device has sealed to the gateway.
  public let sealed: [UInt8]

  public init(handle: PushHandle, sealed: [UInt8]) { (self.handle, self.sealed) = (handle, sealed) }

  public var encoded: [UInt8] {
    var writer = WireWriter()
    writer.u8(Self.version)
    writer.u128(handle.number)
    writer.vector(sealed)
    return writer.bytes
  }

  public init(decoding bytes: [UInt8]) throws(WireError) {
    var reader = WireReader(bytes)
    guard try reader.u8() == Self.version else { throw .invalidValue }
    handle = PushHandle(number: try reader.u128())
    sealed = try reader.sealed(limit: WireLimits.pushSubscription)
    try reader.finish()
  }
}

/// That a push service knows a device no more, as the gateway tells relays: nobody is to be asked to wake it. [push.9]
public struct PushEnd: Hashable, Sendable {
  /// Of this encoding.
  private static let version: UInt8 = 1
  /// Of the subscription that is over.
  public let handle: PushHandle

  public init(handle: PushHandle) { self.handle = handle }

  public var encoded: [UInt8] { [Self.version] + handle.bytes }

  public init(decoding bytes: [UInt8]) throws(WireError) {
    var reader = WireReader(bytes)
    guard try reader.u8() == Self.version else { throw .invalidValue }
    handle = PushHandle(number: try reader.u128())
    try reader.finish()
  }
}
