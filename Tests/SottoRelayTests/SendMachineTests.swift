import SottoRelay
import SottoWire
import Testing

/// The send socket's machine alone.
@Suite struct SendMachineTests {
  private func put(_ number: UInt32, size: SizeClass = .b512) -> PutFrame {
    let owner = Owner(1)
    return PutFrame(
      number: number, mailbox: owner.mailbox, id: envelopeID(Int(number)), capability: owner.contact,
      bytes: envelope(Int(number), size: size))
  }

  /// [send.2]
  @Test func whatOneReadBroughtIsOneSubmission() {
    var machine = SendMachine()
    var actions = machine.received(put(1).encoded) + machine.received(put(2).encoded)
    #expect(actions == [])
    actions = machine.readComplete()
    #expect(actions == [.submit([put(1), put(2)])])
    actions = machine.readComplete()
    #expect(actions == [])
    actions = machine.settled([PutAnswer(number: 1), PutAnswer(number: 2)], bytes: 1_024)
    #expect(actions == [.send(.answers([PutAnswer(number: 1), PutAnswer(number: 2)]))])
  }

  /// [send.5]
  @Test func readsNoMoreThanItOwes() {
    var machine = SendMachine()
    for number in 0..<255 as Range<UInt32> { _ = machine.received(put(number).encoded) }
    var isReading = machine.isReading
    #expect(isReading)
    _ = machine.received(put(255).encoded)
    isReading = machine.isReading
    #expect(!isReading, "256 of them")
    _ = machine.settled([PutAnswer(number: 1)], bytes: 512)
    isReading = machine.isReading
    #expect(isReading)
    var large = SendMachine()
    for number in 0..<4 as Range<UInt32> { _ = large.received(put(number, size: .k64).encoded) }
    isReading = large.isReading
    #expect(!isReading, "256 KiB of them")
    var deaf = SendMachine()
    deaf.writable(false)
    isReading = deaf.isReading
    #expect(!isReading, "who takes no answers gets none to take")
    let actions = deaf.end(.slow)
    #expect(actions == [.send(.closing(.slow)), .close(.slow)])
  }

  /// [send.6]
  @Test func stoppingAnswersWhatWasRead() {
    var idle = SendMachine()
    var actions = idle.stop()
    #expect(actions == [.send(.closing(.restarting)), .close(.restarting)])
    var busy = SendMachine()
    _ = busy.received(put(1).encoded)
    _ = busy.readComplete()
    _ = busy.received(put(2).encoded)
    actions = busy.stop()
    #expect(actions == [.submit([put(2)])])
    let isReading = busy.isReading
    #expect(!isReading)
    actions = busy.received(put(3).encoded)
    #expect(actions == [])
    actions = busy.settled([PutAnswer(number: 1)], bytes: 512)
    #expect(actions == [.send(.answers([PutAnswer(number: 1)]))])
    actions = busy.settled([PutAnswer(number: 2)], bytes: 512)
    #expect(
      actions == [.send(.answers([PutAnswer(number: 2)])), .send(.closing(.restarting)), .close(.restarting)])
    actions = busy.stop()
    #expect(actions == [])
  }

  /// [send.7]
  @Test func twoUnansweredPingsEndIt() {
    var machine = SendMachine()
    var actions = [machine.pingDue(), machine.pingDue(), machine.pingDue()]
    #expect(actions == [[.ping], [.ping], [.hangUp]])
    machine.ponged()
    actions = [machine.pingDue()]
    #expect(actions == [[.ping]])
  }

  /// [send.1]
  @Test func framesThatItDoesNotHave() {
    for bytes in [[], [0x90] + put(1).encoded.dropFirst(), put(1).encoded + [0], put(1).encoded.dropLast()] {
      var machine = SendMachine()
      var actions = machine.received(Array(bytes))
      #expect(actions == [.send(.closing(.protocolError)), .close(.protocolError)])
      actions = machine.received(put(1).encoded) + machine.readComplete()
      #expect(actions == [], "closed is closed")
    }
  }
}
