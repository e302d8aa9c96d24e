import SottoSession

/// What the code does differs from what a vector was about to say.
struct WrongVerdict: Error, CustomStringConvertible {
  let description: String

  init(description: String) { self.description = description }

  /// The verdict on the case `id`, which was written for another.
  init(id: String, verdict: String) { description = "\(id) is \(verdict)" }
}

/// Says that two values which a specification promises to be equal are not.
func expectEqual<T: Equatable>(_ computed: T, _ promised: T, _ what: String) throws {
  guard computed == promised else { throw WrongVerdict(description: "\(what) is \(computed), promised \(promised)") }
}

extension Case {
  /// A case with the output that `compute` yields.
  init(
    _ id: String, _ rule: String, _ comment: String, given: Named = [:], _ input: Named, by compute: () throws -> Named
  ) throws {
    do { self.init(id, rule, comment, given: given, input, output: try compute()) } catch {
      throw WrongVerdict(description: "\(id) is not accepted: \(error)")
    }
  }

  /// A case that must be refused, written down only if `check` is refused at just that stage.
  init(
    _ id: String, _ rule: String, _ comment: String, given: Named = [:], _ input: Named, refusedAt stage: RefusalStage,
    by check: () throws -> Void
  ) throws {
    do { try check() } catch let refused as Refused {
      guard refused.stage == stage else {
        throw WrongVerdict(description: "\(id) is refused at \(refused.stage), not at \(stage)")
      }
      self.init(id, rule, comment, given: given, input, refusedAt: stage.rawValue)
      return
    }
    throw WrongVerdict(description: "\(id) is accepted, not refused at \(stage)")
  }
}
