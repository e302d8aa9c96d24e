/// How much a reader takes at a time.
package struct Room: Equatable, Sendable {
  package let count: Int
  package let bytes: Int

  package init(count: Int, bytes: Int) {
    self.count = count
    self.bytes = bytes
  }
}
