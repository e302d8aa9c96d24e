internal import Foundation

/// Where the store is: the setting `store`.
public enum StoreLocation: Equatable, Sendable {
  /// A file in the data folder.
  case sqlite
  /// What libpq takes: `postgresql://HOST,HOST/DATABASE?...` or `host=... dbname=...`. There is no password in it.
  case postgreSQL(String)

  /// nil for anything else, and for an address with a password: what is in a configuration is printed. [operation.12]
  init?(_ text: String) {
    if text == "sqlite" {
      self = .sqlite
      return
    }
    let isURL = text.hasPrefix("postgres://") || text.hasPrefix("postgresql://")
    guard isURL || text.prefixMatch(of: /\s*[a-z_]+\s*=/) != nil else { return nil }
    // A parameter of its own, `sslpassword` too, however it is spelt.
    guard let words = isURL ? text.removingPercentEncoding : text, !words.lowercased().contains("password") else {
      return nil
    }
    // Or in a URL behind the user; also where it holds a `/` that should have been written otherwise.
    let rest = text.drop { $0 != "/" }
    guard !isURL || rest.lastIndex(of: "@").map({ !rest[..<$0].contains(":") }) ?? true else { return nil }
    self = .postgreSQL(text)
  }

  /// As it was said.
  var text: String {
    switch self {
    case .sqlite: "sqlite"
    case .postgreSQL(let address): address
    }
  }
}
