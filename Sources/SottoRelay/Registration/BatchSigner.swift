/// Signs batches of tokens: beside whoever asks for one, which others wait for, and one at a time, for it takes a core for
/// that long.
package struct BatchSigner: Sendable {
  private let turns = Turns<Int>()

  package init() {}

  package func sign<T: Sendable>(_ batch: @escaping @Sendable () throws -> T) async throws -> T {
    try await Task.detached { [turns] in try await turns.wait(for: 0) { try batch() } }.value
  }
}
