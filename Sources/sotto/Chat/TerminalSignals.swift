internal import Foundation
internal import Synchronization

/// Where the handler writes; -1 while nobody listens. A global of a trivial type, because a signal handler may touch
/// nothing that locks or allocates.
private let writeEnd = Atomic<Int32>(-1)

/// Puts the number of the signal into the pipe. `write` is all that it does, and it may do that at any time.
private func noteSignal(_ number: Int32) {
  let before = errno
  var byte = UInt8(truncatingIfNeeded: number)
  _ = unsafe write(writeEnd.load(ordering: .relaxed), &byte, 1)
  errno = before
}

/// Signals as bytes that can be waited for together with keys.
package struct TerminalSignals: Sendable {
  /// The byte that is no signal: somebody wants the reader to end.
  package static let stop: UInt8 = 0
  package static let ending = [SIGTERM, SIGHUP, SIGINT, SIGQUIT]
  private static let others = [SIGWINCH, SIGCONT, SIGTSTP]

  /// The end to poll and read.
  package let descriptor: Int32
  private let input: Int32

  /// Takes the signals over. There can be one only: signals belong to the whole process.
  package init() throws(TerminalError) {
    var ends: [Int32] = [-1, -1]
    guard unsafe pipe(&ends) == 0 else { throw .noTerminal }
    (descriptor, input) = (ends[0], ends[1])
    for end in ends {
      _ = fcntl(end, F_SETFL, O_NONBLOCK)
      _ = fcntl(end, F_SETFD, FD_CLOEXEC)
    }
    let (isFree, _) = writeEnd.compareExchange(expected: -1, desired: input, ordering: .sequentiallyConsistent)
    precondition(isFree, "one screen at a time")
    for number in Self.ending + Self.others { listen(number) }
  }

  package func listen(_ number: Int32) { _ = signal(number, noteSignal) }

  /// Lets them reach the thread that calls: whoever started us may have blocked them, and so may every other thread.
  func unblock() {
    var set = sigset_t()
    unsafe sigemptyset(&set)
    for number in Self.ending + Self.others { unsafe sigaddset(&set, number) }
    _ = unsafe pthread_sigmask(SIG_UNBLOCK, &set, nil)
  }

  package func post(_ byte: UInt8) {
    var byte = byte
    _ = unsafe write(input, &byte, 1)
  }

  /// What has come since the last call.
  package func take() -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 64)
    let count = unsafe read(descriptor, &bytes, bytes.count)
    return Array(bytes.prefix(max(0, count)))
  }

  /// Gives the signals back to the system, which ends the program at the next.
  package func close() {
    for number in Self.ending + Self.others { Self.restore(number) }
    writeEnd.store(-1, ordering: .sequentiallyConsistent)
    _ = Foundation.close(descriptor)
    _ = Foundation.close(input)
  }

  package static func restore(_ number: Int32) { _ = signal(number, SIG_DFL) }
}
