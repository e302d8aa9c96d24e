package import SottoRelay

/// What a name stands for.
package protocol Resolver: Sendable {
  /// Every address; none when there is no such name, or nobody says.
  func addresses(of host: String) async -> [ClientAddress]
}
