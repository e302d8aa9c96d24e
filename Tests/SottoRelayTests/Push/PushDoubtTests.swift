import SottoRelay
import Testing

/// What a relay may have taken without knowing of it. [push.4]
@Suite struct PushDoubtTests {
  /// What the database carries out late, after it has said that everything was given back, is not kept for ever.
  @Test func everythingIsGivenBackOnceMore() {
    var doubt = PushDoubt()
    #expect(!doubt.wantsAllBack(now: 1_000))
    doubt.arises()
    #expect(doubt.wantsAllBack(now: 1_000) && doubt.wantsAllBack(now: 1_100), "until it is done")
    doubt.gaveAllBack(now: 1_100)
    let again = 1_100 + RelayLimits.pushDoubt
    #expect(!doubt.wantsAllBack(now: 1_100) && !doubt.wantsAllBack(now: again - 1))
    #expect(doubt.wantsAllBack(now: again))
    doubt.gaveAllBack(now: again)
    #expect(!doubt.wantsAllBack(now: again) && !doubt.wantsAllBack(now: again + 100_000))
  }

  /// An error in between begins anew.
  @Test func anotherErrorIsAnotherDoubt() {
    var doubt = PushDoubt()
    doubt.arises()
    doubt.gaveAllBack(now: 1_000)
    doubt.arises()
    #expect(doubt.wantsAllBack(now: 1_001))
    doubt.gaveAllBack(now: 1_001)
    #expect(doubt.wantsAllBack(now: 1_001 + RelayLimits.pushDoubt))
  }
}
