internal import NIOCore
internal import Synchronization

/// Work for one event loop: what comes while the loop has not got to it yet is one wake-up, not many. A commit answers
/// many sockets, and telling their loop of each would cost as much as the answers.
final class LoopInbox: Sendable {
  private let loop: any EventLoop
  private let work = Mutex<[@Sendable () -> Void]>([])

  init(_ loop: any EventLoop) { self.loop = loop }

  func post(_ item: @escaping @Sendable () -> Void) {
    let isFirst = work.withLock { work in
      work.append(item)
      return work.count == 1
    }
    if isFirst { loop.execute { self.run() } }
  }

  private func run() {
    let items = work.withLock { work in
      defer { work = [] }
      return work
    }
    for item in items { item() }
  }
}

/// The inbox of each loop.
final class LoopInboxes: Sendable {
  private let all = Mutex<[ObjectIdentifier: LoopInbox]>([:])

  func of(_ loop: any EventLoop) -> LoopInbox {
    all.withLock { all in
      if let inbox = all[ObjectIdentifier(loop)] { return inbox }
      let inbox = LoopInbox(loop)
      all[ObjectIdentifier(loop)] = inbox
      return inbox
    }
  }
}
