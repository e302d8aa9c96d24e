internal import SottoCrypto
internal import SottoSession

/// The operations of Specs/Devices.md. What devices say to each other is content: `messages/content` has it.
enum DeviceOperations {
  static let all: [String: VectorOperation] = ["devices/link-code": linkCode]

  private static func linkCode(_ fields: Fields) throws -> [String: VectorValue] {
    let (account, guest) = (try fields.account(), try fields.account("guest"))
    return ["digits": .text(LinkCode.of(account: account, guest: guest, sid: try fields.digest("sid")))]
  }
}
