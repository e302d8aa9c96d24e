/// What is to happen, by its time; what has the same time in the order in which it was added.
struct EventQueue {
  typealias Event = (time: Int64, number: Int, action: () -> Void)
  private var heap: [Event] = []
  private var added = 0

  mutating func add(at time: Int64, _ action: @escaping () -> Void) {
    added += 1
    heap.append((time, added, action))
    var child = heap.count - 1
    while child > 0, isBefore(child, (child - 1) / 2) {
      heap.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  mutating func next(until end: Int64) -> Event? {
    guard let first = heap.first, first.time <= end else { return nil }
    heap.swapAt(0, heap.count - 1)
    heap.removeLast()
    var parent = 0
    while true {
      var least = parent
      for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count && isBefore(child, least) { least = child }
      if least == parent { return first }
      heap.swapAt(parent, least)
      parent = least
    }
  }

  private func isBefore(_ a: Int, _ b: Int) -> Bool {
    (heap[a].time, heap[a].number) < (heap[b].time, heap[b].number)
  }
}
