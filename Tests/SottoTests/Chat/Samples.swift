import sotto

/// A conversation with one of everything.
enum Samples {
  /// Sunday 29 November 2026, 13:04, an hour east of Greenwich.
  static let now = moment(0)

  static func moment(_ minutesAgo: UInt64) -> Moment {
    Moment(milliseconds: 1_795_953_840_000 - minutesAgo * 60_000, utcOffset: 3600)
  }

  static func line(
    _ id: String, _ author: String?, _ text: String, _ minutesAgo: UInt64, _ state: ChatState = .read
  ) -> ChatLine {
    ChatLine(id: id, author: author, text: text, time: moment(minutesAgo), state: state)
  }

  static var lines: [ChatLine] {
    var photo = line("5", "Anna", "From the roof.", 1502)
    photo.attachment = "roof.jpg, 240 kB"
    var answer = line("7", nil, "That is where we met 👩‍👩‍👧 in 🇫🇷.", 61, .delivered)
    answer.quoted = "From the roof."
    var secret = line("8", "Anna", "The code is 4711.", 58)
    secret.expires = true
    var unread = line("9", "Anna", "日本語も大丈夫です。長い文章は、どこで折り返しても読めるはずです。", 4)
    unread.isUnread = true
    return [
      line("1", "Anna", "Are you there?", 527_000),
      line("2", nil, "Yes, since noon. The train was late again, so I walked the last part along the river.", 1507),
      line("3", "Anna", "Then look up!\u{1b}[2J\u{202e}", 1504), line("4", "Anna", "Higher.", 1503), photo,
      line("6", nil, "I see you:\n\n  if up {\n\twave()\n  }\n", 1500, .sent), answer, secret, unread,
      line("10", nil, "One", 3, .sent), line("11", nil, "Two", 2, .sentNotConfirmed),
      line("12", nil, "Three", 1, .failed("the relay refuses it")), line("13", nil, "Four", 0, .queued),
    ]
  }

  static func screen(_ columns: Int, _ rows: Int, _ lines: [ChatLine] = lines) -> ChatScreen {
    var screen = ChatScreen(
      header: ChatHeader(name: "Anna", isVerified: true), size: ScreenSize(columns: columns, rows: rows), now: now)
    screen.status = "online"
    screen.placeholder = "Write to Anna, or /help"
    screen.show(lines)
    return screen
  }

  /// As many short messages of both as somebody wants, a minute apart.
  static func talk(_ count: Int, from start: Int = 0) -> [ChatLine] {
    (start..<(start + count)).map { index in
      line("t\(index)", index % 2 == 0 ? "Anna" : nil, "Message number \(index).", UInt64(1000 - index), .read)
    }
  }

  static var conversations: [ConversationRow] {
    [
      ConversationRow(
        id: "a", name: "Anna", isVerified: true, unread: 2, preview: "日本語も大丈夫です。\u{1b}[31m長い文章は、どこで折り返しても読めるはずです。",
        time: moment(4)),
      ConversationRow(id: "b", name: "Björn", hasWarning: true, preview: "you: See you\nat noon", time: moment(190)),
      ConversationRow(
        id: "c", name: "sotto:4f9k2…", isRequest: true, unread: 120, preview: "Hello?", time: moment(4000)),
      ConversationRow(id: "d", name: "田中さくら"),
      ConversationRow(
        id: "e", name: "Somebody whose name is longer than a window is wide", preview: "Fine.", time: moment(400_000)),
    ]
  }
}

extension ChatScreen {
  mutating func type(_ text: String) { _ = handle(.text(text)) }
  /// The rows between the header and the rule.
  var messageText: [String] { Array(rendered().text.dropFirst().prefix(geometry.messageRows)) }
}
