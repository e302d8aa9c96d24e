internal import Foundation
internal import Synchronization

/// What a handler needs to give the terminal back. It is made before and never freed: a crashing program may allocate
/// nothing.
@unsafe private struct Kit {
  let input: Int32
  let output: Int32
  let mode: UnsafeMutablePointer<termios>
  let bytes: UnsafeMutableBufferPointer<UInt8>
}

private let kit = Atomic<UInt>(0)

/// Only calls that POSIX allows in a handler; then the system does what it would have done.
private func rescue(_ number: Int32) {
  let address = kit.exchange(0, ordering: .relaxed)
  if let kit = unsafe UnsafeMutablePointer<Kit>(bitPattern: address) {
    _ = unsafe write(kit.pointee.output, kit.pointee.bytes.baseAddress, kit.pointee.bytes.count)
    _ = unsafe tcsetattr(kit.pointee.input, TCSAFLUSH, kit.pointee.mode)
  }
  _ = signal(number, SIG_DFL)
  raise(number)
}

/// Gives the terminal back when the program ends without `leave()`: by `exit`, or by a crash.
package enum TerminalRescue {
  private static let crashes = [SIGILL, SIGTRAP, SIGABRT, SIGSEGV, SIGBUS, SIGFPE]
  private static let session = Mutex<TerminalSession?>(nil)
  private static let atExit: Void = {
    atexit { TerminalRescue.session.withLock { $0 }?.exitScreen() }
  }()

  package static func arm(_ new: TerminalSession) {
    session.withLock { $0 = new }
    _ = atExit
    let text = Array(TerminalSequences.crashed.utf8)
    let bytes = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: text.count)
    _ = unsafe bytes.initialize(from: text)
    let made = UnsafeMutablePointer<Kit>.allocate(capacity: 1)
    unsafe made.initialize(to: Kit(input: new.input, output: new.output, mode: new.mode.pinned(), bytes: bytes))
    kit.store(UInt(bitPattern: made), ordering: .sequentiallyConsistent)
    for number in crashes { _ = signal(number, rescue) }
  }

  package static func disarm() {
    for number in crashes { _ = signal(number, SIG_DFL) }
    kit.store(0, ordering: .sequentiallyConsistent)
    session.withLock { $0 = nil }
  }
}
