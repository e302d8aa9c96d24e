internal import Foundation
internal import GRDB

extension SQLiteStore {
  package func usage() async throws -> StoreUsage {
    let envelopes = try await pool.read { try Int.fetchOne($0, sql: "SELECT COUNT(*) FROM queue") ?? 0 }
    let bytes = ["", "-wal", "-shm"].reduce(0) { sum, suffix in
      let attributes = try? FileManager.default.attributesOfItem(atPath: pool.path + suffix)
      return sum + (attributes?[.size] as? Int ?? 0)
    }
    return StoreUsage(envelopes: envelopes, bytes: bytes)
  }
}
