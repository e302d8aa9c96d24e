internal import ArgumentParser

/// `sotto identity`: who this is.
struct IdentityCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "identity", abstract: "Create, show, move or delete this identity.",
    subcommands: [
      IdentityCreateCommand.self, IdentityShowCommand.self, IdentityRegisterCommand.self, IdentityRotateCommand.self,
      IdentityPassphraseCommand.self,
      IdentityMoveCommand.self, IdentityExportCommand.self, IdentityImportCommand.self, IdentityDeleteCommand.self,
    ])
}
