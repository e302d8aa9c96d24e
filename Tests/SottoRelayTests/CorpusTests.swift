import SottoSimulation
import Testing

/// What the fuzzer starts from, and what it has found, of what the relay decodes. `SottoSessionTests` have the core's.
@Suite struct RelayCorpusTests {
  @Test func `What is honest is accepted, and what was kept breaks no promise`() throws { try Decoder.relay.replay() }
}
