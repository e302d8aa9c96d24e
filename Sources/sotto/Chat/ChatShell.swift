internal import Foundation
internal import SottoClient

/// Drives the screens: whatever happens comes through one stream, is handed to a machine, and what the machine wants is
/// done here.
///
///     keys, sizes ─┐
///     the engine  ─┼─> one event at a time ─> ChatScreen or ConversationList ─> wishes, a frame
///     the clock   ─┘
struct ChatShell {
  private let client: Client
  private let session: TerminalSession
  private let events: AsyncStream<Event>
  private let post: AsyncStream<Event>.Continuation
  private var list: ConversationList
  /// The conversation that is open, by the name or address that the client knows.
  private var open: (contact: String, screen: ChatScreen, loaded: Int)?
  private let hasList: Bool
  private var connection = Client.Connection.connecting

  private enum Event: Sendable {
    case terminal(TerminalEvent)
    case connection(Client.Connection)
    case changed
    /// Something that was asked for did not work, or has an answer.
    case notice(String)
    case tick
  }

  /// Messages that are read from the store at first, and more at a time.
  private static let page = 100

  init(client: Client, contact: String?) throws {
    self.client = client
    do {
      session = try TerminalSession(terminal: GlobalOptions.environment("TERM"))
    } catch {
      throw ClientError(
        .usage, "This terminal cannot show a screen.", meaning: "TERM is missing or “dumb”.",
        next: "Use `sotto send`, `sotto receive --follow` and `sotto history`.")
    }
    (events, post) = AsyncStream.makeStream()
    list = ConversationList(size: session.size, now: .now)
    hasList = contact == nil
    if let contact { enter(contact) }
  }

  /// - Returns: why the terminal ended it; nil when somebody left.
  mutating func run() async throws -> TerminalEnd? {
    defer { session.leave() }
    let tasks = start()
    defer { for task in tasks { task.cancel() } }
    var painter = Painter(isColored: GlobalOptions.environment("NO_COLOR") == nil)
    try await refresh()
    session.write(painter.bytes(for: frame))
    for await event in events {
      switch event {
      case .terminal(.keys(let keys)):
        for key in keys {
          switch try await take(key) {
          case .quit: return nil
          case .suspend: session.suspend()
          case .repaint: painter.forget()
          case nil: break
          }
        }
      case .terminal(.resized(let size)): resize(to: size)
      case .terminal(.resumed(let size)):
        resize(to: size)
        painter.forget()
      case .terminal(.ended(let end)): return end
      case .connection(let connection):
        tell(connection)
        self.connection = connection
        try await refresh()
      case .changed, .tick: try await refresh()
      case .notice(let text): open?.screen.notify(text)
      }
      try await markRead()
      session.write(painter.bytes(for: frame))
    }
    return nil
  }

  /// Everything that goes on beside the keys.
  private func start() -> [Task<Void, Never>] {
    let (session, client, post) = (session, client, post)
    return [
      Task {
        for await event in session.events { post.yield(.terminal(event)) }
        post.finish()
      },
      Task { await client.watch { post.yield(.connection($0)) } },
      Task {
        while !Task.isCancelled {
          try? await Task.sleep(for: .seconds(1))
          post.yield(.tick)
        }
      },
    ]
  }

  private var frame: Frame { open?.screen.rendered() ?? list.rendered() }

  private mutating func resize(to size: ScreenSize) {
    list.resize(to: size)
    open?.screen.resize(to: size)
  }

  // MARK: Keys

  private enum Wish {
    case quit, suspend, repaint
  }

  private mutating func take(_ key: Key) async throws -> Wish? {
    guard open != nil else {
      switch list.handle(key) {
      case .open(let contact):
        enter(contact)
        try await refresh()
      case .quit: return .quit
      case .suspend: return .suspend
      case .redraw: return .repaint
      case nil: break
      }
      return nil
    }
    switch open!.screen.handle(key) {
    case .send(let text): try await say(text)
    case .loadOlder:
      open!.loaded += Self.page
      try await refresh()
    case .back where hasList:
      open = nil
      try await refresh()
    case .back, nil: break
    case .quit: return .quit
    case .suspend: return .suspend
    case .redraw: return .repaint
    }
    return wantsToLeave ? .quit : nil
  }

  private var wantsToLeave = false

  private mutating func enter(_ contact: String) {
    var screen = ChatScreen(header: ChatHeader(name: contact), size: session.size, now: .now)
    screen.placeholder = "Write, or /help"
    open = (contact, screen, Self.page)
  }

  // MARK: What is said

  private mutating func say(_ text: String) async throws {
    guard text.hasPrefix("/"), !text.hasPrefix("//") else {
      return send(text.hasPrefix("//") ? String(text.dropFirst()) : text, answering: nil)
    }
    let words = text.split(separator: " ", maxSplits: 1).map(String.init)
    let rest = words.count > 1 ? words[1] : ""
    switch words[0] {
    case "/quit": wantsToLeave = true
    case "/verify": try await verify()
    case "/timer": setTimer(rest)
    case "/reply": try await reply(rest)
    case "/help": open?.screen.notify(Self.help)
    default: open?.screen.notify("There is no \(words[0]). /help tells what there is; // begins a text with a slash.")
    }
  }

  private static let help = """
    Enter sends, alt-enter begins a new line. Page up and down read on. Esc goes back, ctrl-d leaves.
    /reply TEXT answers their last message. /timer 7d lets messages disappear, /timer off keeps them.
    /verify shows the safety number. /quit leaves.
    """

  /// Sent beside everything else: the relay may take its time.
  private func send(_ text: String, answering id: String?) {
    guard let contact = open?.contact else { return }
    run { client in
      _ = try await client.send(text, to: contact, answering: id)
      return nil
    }
  }

  /// Does something with the client beside everything else, and shows what it answers, or what went wrong.
  private func run(_ work: @escaping @Sendable (Client) async throws -> String?) {
    let (client, post) = (client, post)
    Task {
      do {
        if let answer = try await work(client) { post.yield(.notice(answer)) }
      } catch let error as ClientError {
        post.yield(.notice("\(error.message) \(error.next)"))
      } catch {
        post.yield(.notice("Something went wrong: \(error)"))
      }
      post.yield(.changed)
    }
  }

  private mutating func verify() async throws {
    guard let contact = open?.contact else { return }
    let number = try await client.safetyNumber(with: contact)
    open?.screen.notify(
      "\(number.inGroups)\nIf they see the same, nobody stands between you. To remember it: "
        + "sotto contact verify NAME --compare DIGITS")
  }

  private mutating func setTimer(_ duration: String) {
    guard let contact = open?.contact else { return }
    guard let seconds = ContactTimerCommand.seconds(duration) else {
      open?.screen.notify("Say how long messages are kept: /timer 30s, 5m, 1h, 7d, 4w, or off.")
      return
    }
    run { client in
      try await client.setTimer(seconds, with: contact)
      return nil
    }
  }

  private mutating func reply(_ text: String) async throws {
    guard let contact = open?.contact else { return }
    let last = try await client.history(with: contact, limit: Self.page).last { $0.author == .them }
    guard let last, !text.isEmpty else {
      open?.screen.notify(text.isEmpty ? "/reply TEXT answers their last message." : "There is nothing to answer yet.")
      return
    }
    send(text, answering: last.id)
  }

  // MARK: What is shown

  /// Reads what stands in the store now.
  private mutating func refresh() async throws {
    list.now = .now
    let status = try await status()
    guard var open else {
      list.status = status
      list.show(try await client.conversations().map(ConversationRow.init))
      return
    }
    open.screen.now = .now
    open.screen.status = status
    let messages = try await client.history(with: open.contact, limit: open.loaded + 1)
    let contact = try await client.contact(open.contact)
    open.screen.header = ChatHeader(
      name: contact.name ?? contact.address, isVerified: contact.isVerified,
      warning: contact.hasForkEvidence ? "split views: compare safety numbers, /verify" : nil,
      isRequest: contact.isRequest)
    let hasOlder = messages.count > open.loaded
    open.screen.show(messages.suffix(open.loaded).map(ChatLine.init), hasOlder: hasOlder)
    self.open = open
  }

  /// What there is to do about a connection that has changed.
  private mutating func tell(_ new: Client.Connection) {
    let isNews = connection == .online || connection == .connecting
    switch new {
    case .ended(let error),
      .offline(let error) where isNews:
      open?.screen.notify("\(error.message) \(error.next)")
    default: break
    }
  }

  private func status() async throws -> String {
    let queued = try await client.queued()
    let connection =
      switch connection {
      case .connecting: "connecting"
      case .online: "online"
      case .offline: "offline, retrying"
      case .ended: "receiving has ended"
      }
    return queued > 0 ? "\(queued) queued, \(connection)" : connection
  }

  /// What stood on the screen has been read.
  private mutating func markRead() async throws {
    guard let open else { return }
    let ids = open.screen.unreadOnScreen
    guard !ids.isEmpty else { return }
    try await client.markShown(ids, from: open.contact)
    try await refresh()
  }
}

extension ChatLine {
  init(_ message: HistoryMessage) {
    self.init(
      id: message.id, author: message.author == .me ? nil : message.author == .them ? message.contact : "*",
      text: message.shown, time: Moment(message.recordedAt), state: ChatState(message.state),
      isUnread: message.isUnread, quoted: message.answeredText, expires: message.disappearsAfter != nil)
  }
}

extension ChatState {
  fileprivate init(_ state: HistoryMessage.State) {
    switch state {
    case .queued: self = .queued
    case .unconfirmed: self = .sentNotConfirmed
    case .sent: self = .sent
    case .delivered: self = .delivered
    case .read, .received: self = .read
    case .failed: self = .failed("it could not be delivered")
    }
  }
}

extension ConversationRow {
  fileprivate init(_ conversation: ConversationSummary) {
    let preview = conversation.last.map { ($0.author == .me ? "you: " : "") + $0.shown } ?? ""
    self.init(
      id: conversation.contact, name: conversation.contact, isVerified: conversation.isVerified,
      isRequest: conversation.isRequest, hasWarning: conversation.hasForkEvidence, unread: conversation.unread,
      preview: preview, time: conversation.last.map { Moment($0.recordedAt) })
  }
}
