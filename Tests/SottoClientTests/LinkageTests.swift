import Foundation
import SottoClient
import SottoSimulation
import Testing

/// How much receipts tell a relay of who writes to whom. A21: Martiny and others, NDSS 2021.
///
/// The relay does not know who puts an envelope into a mailbox. It watches one mailbox, and each time that a message is
/// taken from it, it notes which others get an envelope while a receipt may come. Whoever is among them every time, and
/// alone in that, is the correspondent.
@Suite(.sealsAreWatched) struct LinkageTests {
  private static let mailboxes = 100
  /// Each of the others gets an envelope a minute on average, as busy people do.
  private static let rate = 1.0 / 60

  /// - Parameter window: how long after a message its receipt may come, in seconds.
  private func messagesUntilFound(window: Double, from random: inout SeededEntropy) -> Int {
    let chance = 1 - exp(-Self.rate * window)
    var suspects = Self.mailboxes - 1
    var messages = 0
    while suspects > 0 {
      messages += 1
      suspects = (0..<suspects).count { _ in Double.random(in: 0..<1, using: &random) < chance }
    }
    return messages
  }

  private func median(window: Double) -> Int {
    var random = SeededEntropy(seed: 21)
    return (0..<2000).map { _ in messagesUntilFound(window: window, from: &random) }.sorted()[1000]
  }

  // [client.11] A21
  @Test func `Receipts that wait make a relay watch for several times as many messages`() {
    let wait = ClientLimits.receiptWait
    let atOnce = median(window: 1)
    let waiting = median(window: Double(wait.upperBound - wait.lowerBound) / 1000)
    print(
      "FIGURE messages until a relay finds the correspondent among \(Self.mailboxes) mailboxes: "
        + "\(atOnce) with receipts at once, \(waiting) with those that wait")
    #expect(waiting >= 4 * atOnce)
  }
}
