import SottoCrypto
import SottoSimulation
import SottoWire
import Testing

/// What the relay answers and what a client makes of it.
@Suite struct AnswerTests {
  @Test(arguments: Problem.allCases)
  func `A problem is read back from its document`(_ problem: Problem) {
    #expect(Problem(document: problem.document) == problem)
    #expect(400...599 ~= problem.status && !problem.title.isEmpty && problem.detail.hasSuffix("."))
    #expect(Problem(document: "{}") == nil)
  }

  /// [send.4]
  @Test(arguments: Problem.allCases)
  func `Whatever becomes of a put, its sender can read the answer`(_ problem: Problem) throws {
    let answer = PutAnswer(number: 1, problem: problem)
    #expect(answer.problem == (PutAnswer.problems.contains(problem) ? problem : .internalError))
    #expect(try SendFrame(decoding: SendFrame.answers([answer]).encoded) == .answers([answer]))
  }

  @Test func `Of each reason to close it is said whether coming back helps`() {
    let back = CloseReason.allCases.filter(\.invitesReconnect)
    #expect(Set(back) == [.restarting, .unavailable, .slow])
    #expect(Set(CloseReason.allCases.map(\.name)).count == CloseReason.allCases.count)
  }

  @Test func `A blob's length has four significant bits, from 64 KiB to 128 MiB`() {
    #expect(BlobLength(holding: 0) == .smallest && BlobLength(holding: 65_537)?.bytes == 73_728)
    #expect(BlobLength(65_536) == .smallest && BlobLength(65_537) == nil && BlobLength(134_217_728) == .largest)
    #expect(BlobLength(holding: 134_217_729) == nil && BlobLength(134_217_729) == nil)
  }

  @Test func `Only the owner's signature over this challenge opens a stream`() throws {
    var entropy = SeededEntropy(seed: 1)
    let (relay, elsewhere) = (RelayAuthority("relay.example")!, RelayAuthority("other.example")!)
    let key = SigningKey(from: &entropy)
    let mailbox = MailboxID(owner: key.publicKey)
    let challenge = StreamChallenge(restoreEpoch: 1, from: &entropy)
    let answer = challenge.answer(authority: relay, signedBy: key).encoded
    #expect(challenge.refusal(of: answer, authority: relay, mailbox: mailbox) == nil)
    #expect(challenge.refusal(of: answer, authority: elsewhere, mailbox: mailbox) == .refused)
    let later = StreamChallenge(restoreEpoch: 1, from: &entropy)
    #expect(later.refusal(of: answer, authority: relay, mailbox: mailbox) == .refused)
    let ack = ClientFrame.ack(index: 1, restoreEpoch: 1).encoded
    #expect(challenge.refusal(of: ack, authority: relay, mailbox: mailbox) == .refused)
    #expect(challenge.refusal(of: [], authority: relay, mailbox: mailbox) == .protocolError)
    #expect(throws: WireError.outOfRange) { try StreamChallenge(restoreEpoch: 1, nonce: [1]) }
  }
}
