internal import ArgumentParser
internal import SottoClient
internal import SottoSession

/// `sotto contact timer NAME DURATION|off`: messages that disappear on both sides.
struct ContactTimerCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "timer", abstract: "Let messages with a contact disappear, on both sides.",
    discussion: """
      Counted from when a message was sent, or read. It holds for messages from now on, and binds only those who keep to
      it: whoever has read a message can have copied it.
      """)

  @Argument(help: "A contact's name, or an address.")
  var contact: String

  @Argument(help: ArgumentHelp("Such as 30s, 5m, 1h, 7d, 4w; or off.", valueName: "duration"))
  var duration: String

  @OptionGroup var options: GlobalOptions

  func run() async throws {
    guard let seconds = Self.seconds(duration) else {
      throw ClientError(
        .usage, "“\(duration)” is not a time that messages can be kept for.", meaning: "Nothing was changed.",
        next: "Give a number with s, m, h, d or w, up to 52w; or off.")
    }
    try await options.withClient { try await $0.setTimer(seconds, with: contact) }
    if options.json {
      try Output.line(JSON(["contact": .string(contact), "disappear_after": .number(Int(seconds))]))
    } else {
      Output.note(
        seconds == 0
          ? "New messages with \(contact) are kept." : "New messages with \(contact) disappear after \(duration).")
    }
  }

  /// The seconds that a duration means, 0 for off; nil when it means none, or more than a year.
  static func seconds(_ duration: String) -> UInt32? {
    if duration == "off" { return 0 }
    let units: [Character: UInt32] = ["s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800]
    guard let last = duration.last, let unit = units[last], duration.dropLast().allSatisfy(\.isASCII),
      let count = UInt32(duration.dropLast()), count > 0, !duration.hasPrefix("+")
    else { return nil }
    let (seconds, overflows) = count.multipliedReportingOverflow(by: unit)
    return overflows || seconds > Limits.timer ? nil : seconds
  }
}
