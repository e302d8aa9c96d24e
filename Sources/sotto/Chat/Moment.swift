/// A time as somebody's clock and calendar on the wall show it: everything is an argument, so that a screen depends on no
/// machine's time zone.
package struct Moment: Equatable, Sendable {
  /// Since 1970, in UTC.
  package let milliseconds: UInt64
  /// Seconds east of Greenwich, at that time.
  package let utcOffset: Int

  /// The end of the year 9999. Who sends a message chooses its time, and may choose a silly one.
  private static let latest: UInt64 = 253_402_300_799_999

  package init(milliseconds: UInt64, utcOffset: Int) {
    self.milliseconds = min(milliseconds, Self.latest)
    self.utcOffset = max(-86_400, min(utcOffset, 86_400))
  }

  private var localSeconds: Int { max(0, Int(milliseconds / 1000) + utcOffset) }

  /// Days since 1970, where the clock hangs.
  package var day: Int { localSeconds / 86_400 }

  /// The same for the whole of a day: what depends on the day only need not be made anew every minute.
  package var startOfDay: Moment { Moment(milliseconds: UInt64(day) * 86_400_000, utcOffset: 0) }

  /// `12:04`
  package var clock: String { "\(Self.twoDigits(localSeconds / 3600 % 24)):\(Self.twoDigits(localSeconds / 60 % 60))" }

  /// `Sunday 29 November`, with the year if it is another than now.
  package func dayTitle(now: Moment) -> String {
    let date = calendarDate
    let title = "\(Self.weekdays[(day + 4) % 7]) \(date.day) \(Self.months[date.month - 1])"
    return date.year == now.calendarDate.year ? title : "\(title) \(date.year)"
  }

  /// How long ago, for a list: `now`, `5 min`, `3 h`, `2 d`, then the date.
  package func age(now: Moment) -> String {
    let seconds = now.milliseconds > milliseconds ? (now.milliseconds - milliseconds) / 1000 : 0
    switch seconds {
    case ..<60: return "now"
    case ..<3600: return "\(seconds / 60) min"
    case ..<86_400: return "\(seconds / 3600) h"
    case ..<(14 * 86_400): return "\(seconds / 86_400) d"
    default:
      let date = calendarDate
      return "\(date.year)-\(Self.twoDigits(date.month))-\(Self.twoDigits(date.day))"
    }
  }

  /// Howard Hinnant's `civil_from_days`: years begin in March, so that the leap day is a year's last.
  private var calendarDate: (year: Int, month: Int, day: Int) {
    let shifted = day + 719_468
    let era = shifted / 146_097
    let dayOfEra = shifted % 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shiftedMonth = (5 * dayOfYear + 2) / 153
    let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
  }

  private static func twoDigits(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }

  private static let weekdays = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]
  private static let months = [
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
  ]
}
