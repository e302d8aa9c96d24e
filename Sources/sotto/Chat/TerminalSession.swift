internal import Foundation
internal import Synchronization

/// A terminal in raw mode with a screen of its own, until `leave()`.
///
/// One thread waits for keys and signals and turns them into events. Whatever ends the session (`leave()`, a signal, a
/// closed window, `exit`) puts everything back as it was: the mode, the cursor, and the screen from before, with nothing
/// of this one in the scrollback.
package final class TerminalSession: Sendable {
  /// Ends after `.ended`, or after `leave()`.
  package let events: AsyncStream<TerminalEvent>

  package let input: Int32
  package let output: Int32
  package let mode: TerminalMode
  private let signals: TerminalSignals
  private let continuation: AsyncStream<TerminalEvent>.Continuation
  private let threadEnded = DispatchSemaphore(value: 0)

  private struct State {
    /// Whether the screen is ours; while it is not, nothing is written.
    var isInside = false
    var hasLeft = false
  }
  private let state = Mutex(State())

  /// Takes the terminal over.
  /// - Parameters:
  ///   - input: where keys come from; its mode is changed.
  ///   - output: where frames go.
  ///   - terminal: the environment's TERM.
  package init(input: Int32 = STDIN_FILENO, output: Int32 = STDOUT_FILENO, terminal: String?) throws(TerminalError) {
    guard let mode = TerminalMode(of: input), isatty(output) == 1 else { throw .noTerminal }
    guard let terminal, !terminal.isEmpty, terminal != "dumb" else { throw .dumbTerminal }
    (self.input, self.output, self.mode) = (input, output, mode)
    signals = try TerminalSignals()
    (events, continuation) = AsyncStream.makeStream()
    enter()
    TerminalRescue.arm(self)
    Thread.detachNewThread { [self] in
      read()
      threadEnded.signal()
    }
  }

  package var size: ScreenSize { Self.size(of: output) }

  /// Writes to the screen; to nowhere while it is not ours, and then `.resumed` asks for all of it.
  package func write(_ bytes: [UInt8]) {
    state.withLock { if $0.isInside { send(bytes) } }
  }

  /// What ctrl-z does: the shell comes back, and after `fg` there is a `.resumed`.
  package func suspend() { signals.post(UInt8(SIGTSTP)) }

  /// Gives the terminal back. Does nothing the second time.
  package func leave() {
    let isFirst = state.withLock { state in
      defer { state.hasLeft = true }
      return !state.hasLeft
    }
    guard isFirst else { return }
    // The thread first: it must not take keys that are meant for the shell.
    signals.post(TerminalSignals.stop)
    threadEnded.wait()
    exitScreen()
    TerminalRescue.disarm()
    signals.close()
    continuation.finish()
  }

  // MARK: The screen

  private func enter() {
    state.withLock { state in
      mode.setRaw(input)
      send(Array(TerminalSequences.enter.utf8))
      state.isInside = true
    }
  }

  /// Restores the screen and the mode; also from a handler at exit, when no thread is left to wait for.
  package func exitScreen() {
    state.withLock { state in
      guard state.isInside else { return }
      state.isInside = false
      send(Array(TerminalSequences.leave(rows: size.rows).utf8))
      mode.restore(input)
    }
  }

  private func send(_ bytes: [UInt8]) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = unsafe rest.withUnsafeBytes { unsafe Foundation.write(output, $0.baseAddress, $0.count) }
      if count > 0 {
        rest = rest.dropFirst(count)
      } else if errno == EAGAIN {
        // Somebody else made the terminal non-blocking: input and output are often one file.
        var ready = pollfd(fd: output, events: Int16(POLLOUT), revents: 0)
        _ = unsafe poll(&ready, 1, 1000)
      } else if errno != EINTR {
        return
      }
    }
  }

  package static func size(of descriptor: Int32) -> ScreenSize {
    var window = winsize()
    let isKnown = unsafe ioctl(descriptor, UInt(TIOCGWINSZ), &window) == 0 && window.ws_col > 0 && window.ws_row > 0
    return isKnown
      ? ScreenSize(columns: Int(window.ws_col), rows: Int(window.ws_row)) : ScreenSize(columns: 80, rows: 24)
  }

  // MARK: The thread

  /// How long an ESC may stand alone before it is the key: the rest of a sequence is faster, over ssh too, and nobody
  /// notices the wait.
  private static let silenceMilliseconds: Int32 = 50

  private func read() {
    signals.unblock()
    var decoder = KeyDecoder()
    while true {
      var ready = [
        pollfd(fd: input, events: Int16(POLLIN), revents: 0),
        pollfd(fd: signals.descriptor, events: Int16(POLLIN), revents: 0),
      ]
      let count = unsafe poll(&ready, 2, decoder.isWaiting ? Self.silenceMilliseconds : -1)
      if count == 0 { yield(decoder.flush()) }
      guard count > 0 else { continue }
      if ready[1].revents != 0 {
        for byte in signals.take() where !obey(byte) { return }
      }
      if ready[0].revents != 0 {
        guard let bytes = readInput() else { return end(.hangup) }
        yield(decoder.feed(bytes))
      }
    }
  }

  private func yield(_ keys: [Key]) {
    if !keys.isEmpty { continuation.yield(.keys(keys)) }
  }

  /// nil if nothing will ever come again.
  private func readInput() -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: ChatLimits.readBytes)
    let count = unsafe Foundation.read(input, &bytes, bytes.count)
    if count < 0, errno == EINTR || errno == EAGAIN { return [] }
    return count > 0 ? Array(bytes.prefix(count)) : nil
  }

  /// - Returns: false if the thread is to end.
  private func obey(_ byte: UInt8) -> Bool {
    let number = Int32(byte)
    switch number {
    case Int32(TerminalSignals.stop): return false
    case SIGWINCH: continuation.yield(.resized(size))
    case SIGTSTP: stopProcess()
    case SIGCONT: resume()
    case _ where TerminalSignals.ending.contains(number):
      end(.signal(number))
      return false
    default: break
    }
    return true
  }

  private func end(_ reason: TerminalEnd) {
    exitScreen()
    // Whoever signals again wants an end at once, not a tidy one.
    TerminalSignals.ending.forEach(TerminalSignals.restore)
    continuation.yield(.ended(reason))
    continuation.finish()
  }

  private func resume() {
    enter()
    continuation.yield(.resumed(size))
  }

  /// How long the system may take to stop us. Without a shell above nobody could continue us, and it does not stop us.
  private static let stopMilliseconds: Int32 = 200

  private func stopProcess() {
    exitScreen()
    TerminalSignals.restore(SIGTSTP)
    // The whole group, as the terminal would: we may be part of a script or a pipeline.
    _ = kill(0, SIGTSTP)
    // Another thread may be the one that is stopped first, so this one waits for the signal that continues us.
    var ready = pollfd(fd: signals.descriptor, events: Int16(POLLIN), revents: 0)
    let count = unsafe poll(&ready, 1, Self.stopMilliseconds)
    signals.listen(SIGTSTP)
    // It is in the pipe, and `obey` resumes.
    if count <= 0 { resume() }
  }
}
