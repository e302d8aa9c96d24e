internal import Foundation

/// How many files this process may open. A connection is one; when none are left, nobody is let in and the store fails.
package enum OpenFiles {
  /// Raises the limit to what this user may have, and answers it.
  @discardableResult
  package static func raiseLimit() -> Int {
    var limit = rlimit()
    guard unsafe getrlimit(resource, &limit) == 0 else { return 1_024 }
    if limit.rlim_cur < limit.rlim_max {
      limit.rlim_cur = limit.rlim_max
      _ = unsafe setrlimit(resource, &limit)
      guard unsafe getrlimit(resource, &limit) == 0 else { return 1_024 }
    }
    return Int(clamping: limit.rlim_cur)
  }

  #if canImport(Glibc)
    private static let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
  #else
    private static let resource = RLIMIT_NOFILE
  #endif
}
