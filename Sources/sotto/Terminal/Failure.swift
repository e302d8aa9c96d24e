internal import ArgumentParser
internal import Foundation
internal import SottoClient

/// How a command ends that could not do what it was asked.
enum Failure {
  /// Says what happened, what it means and what to do next, on standard error, and exits.
  static func end(with error: any Error, asJSON: Bool) -> Never {
    switch error {
    case let error as ClientError: end(error, asJSON)
    case let code as ExitCode: exit(code.rawValue)
    default: endParsing(error, asJSON)
    }
  }

  private static func end(_ error: ClientError, _ asJSON: Bool) -> Never {
    if asJSON {
      Output.note(json(error).text)
    } else {
      let isRed = isatty(STDERR_FILENO) == 1 && GlobalOptions.environment("NO_COLOR") == nil
      let label = isRed ? "\u{1b}[31merror:\u{1b}[0m" : "error:"
      Output.note("\(label) \(Output.harmless(error.message))\n  \(error.meaning)\n  \(error.next)")
    }
    exit(error.code.exitStatus)
  }

  static func json(_ error: ClientError) -> JSON {
    JSON([
      "error": .string(error.code.rawValue), "message": .string(error.message), "meaning": .string(error.meaning),
      "next": .string(error.next), "exit": .number(Int(error.code.exitStatus)),
    ])
  }

  /// Help and version are no failures; anything else that parsing throws is a usage error; the rest is our bug.
  private static func endParsing(_ error: any Error, _ asJSON: Bool) -> Never {
    let code = Sotto.exitCode(for: error)
    let message = Sotto.fullMessage(for: error)
    if code == .success {
      Output.write(Array((message + "\n").utf8), to: STDOUT_FILENO)
      exit(0)
    }
    if code == .validationFailure {
      guard asJSON else {
        Output.note(message)
        exit(code.rawValue)
      }
      end(
        ClientError(
          .usage, Sotto.message(for: error), meaning: "Nothing was changed.", next: "See `sotto help`."), true)
    }
    end(
      ClientError(
        .internal, "Something unexpected happened: \(error).", meaning: "This is a bug in Sotto.",
        next: "Please report it, with the version that `sotto --version` prints."), asJSON)
  }
}
