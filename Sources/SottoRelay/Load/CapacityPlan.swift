/// What some users need.
package struct CapacityPlan: Encodable, Sendable, Equatable {
  /// What a cell would have too much of.
  package enum Limit: String, Encodable, Sendable { case nodes, shards, broker }

  package let users: Int
  /// Fleets that share nothing, all of the same size.
  package let cells: Int
  package let usersOfACell: Int
  /// With more than these, cells begin. 0: not even one user fits.
  package let mostUsersOfACell: Int
  /// What the next user would be too much for; nil when ten billion are not.
  package let limit: Limit?
  package let cell: CapacityCell
  /// With all of them, by name.
  package let inputs: [String: Double]

  /// Of something that a cell has.
  package func total(_ figure: Double) -> Double { figure * Double(cells) }

  enum CodingKeys: String, CodingKey {
    case users, cells, limit, cell, inputs
    case usersOfACell = "users_of_a_cell"
    case mostUsersOfACell = "most_users_of_a_cell"
  }
}

/// One fleet: its own database, its own broker, its own name. Rates are those of the peak unless they say otherwise;
/// sizes are bytes.
package struct CapacityCell: Encodable, Sendable, Equatable {
  /// What decides how many nodes there are.
  package enum Scarce: String, Encodable, Sendable { case accepts, cores, memory, sockets }

  package let meanAccepts: Double
  /// As many are delivered.
  package let peakAccepts: Double
  package let connects: Double
  package let sockets: Double

  package var nodes = 0
  package var nodesFor = Scarce.accepts
  package var socketsOfANode = 0.0
  package var memoryOfANode = 0.0
  /// Cores of all nodes that are busy.
  package var relayCores = 0.0

  package var nginx = 0
  package var nginxConnections = 0.0
  /// TLS handshakes.
  package var handshakes = 0.0

  package var shards = 0
  /// Rows changed, and heads looked up by sweeps.
  package var rows = 0.0
  package var lookups = 0.0
  package var walBytes = 0.0
  /// 0 to 1.
  package var databaseBusy = 0.0
  package var databaseBusyWithoutBus = 0.0
  package var connectionsOfAShard = 0
  /// Queries.
  package var sweeps = 0.0
  package var sweepsWithoutBus = 0.0

  /// Envelopes.
  package var waiting = 0.0
  package var waitingBytes = 0.0
  package var nameBytes = 0.0
  package var mailboxBytes = 0.0
  package var blobBytes = 0.0
  /// Bytes of blobs that come in.
  package var uploads = 0.0

  package var brokerMessages = 0.0
  package var wakeupBytes = 0.0
  package var storm = CapacityStorm()

  init(_ demand: CapacityDemand) {
    meanAccepts = demand.meanAccepts
    peakAccepts = demand.peakAccepts
    connects = demand.peakConnects
    sockets = demand.sockets
  }

  /// In one copy.
  package var databaseBytes: Double { waitingBytes + nameBytes + mailboxBytes }

  enum CodingKeys: String, CodingKey {
    case connects, sockets, nodes, nginx, handshakes, shards, rows, lookups, sweeps, waiting, uploads, storm
    case meanAccepts = "mean_accepts"
    case peakAccepts = "peak_accepts"
    case nodesFor = "nodes_for"
    case socketsOfANode = "sockets_of_a_node"
    case memoryOfANode = "memory_of_a_node"
    case relayCores = "relay_cores"
    case nginxConnections = "nginx_connections"
    case walBytes = "wal_bytes"
    case databaseBusy = "database_busy"
    case databaseBusyWithoutBus = "database_busy_without_bus"
    case connectionsOfAShard = "connections_of_a_shard"
    case sweepsWithoutBus = "sweeps_without_bus"
    case waitingBytes = "waiting_bytes"
    case nameBytes = "name_bytes"
    case mailboxBytes = "mailbox_bytes"
    case blobBytes = "blob_bytes"
    case brokerMessages = "broker_messages"
    case wakeupBytes = "wakeup_bytes"
  }
}

/// A node is lost, and its clients come back.
package struct CapacityStorm: Encodable, Sendable, Equatable {
  package enum Stage: String, Encodable, Sendable { case relays, nginx, database }

  package var sockets = 0.0
  /// Connects a second that the clients would like at first.
  package var wanted = 0.0
  /// What each stage has left, a second, and what the slowest of them lets through.
  package var relays = 0.0
  package var nginx = 0.0
  package var database = 0.0
  package var taken = 0.0
  package var slowest = Stage.relays
  /// Until the last is back.
  package var seconds = 0.0

  /// The longest pause of a client, in seconds.
  package static let longestPause = 60.0

  /// Clients try in rounds: each at a random time within the window. Those for whom there was no room try again in the
  /// next, which is twice as long.
  static func seconds(of sockets: Double, window: Double, taken: Double) -> Double {
    var (left, length, elapsed) = (sockets, window, 0.0)
    while left > taken * length, length < longestPause {
      left -= taken * length
      elapsed += length
      length = min(length * 2, longestPause)
    }
    return elapsed + max((left / (taken * length)).rounded(.up), 1) * length
  }

  enum CodingKeys: String, CodingKey {
    case sockets, wanted, relays, nginx, database, taken, slowest, seconds
  }
}
