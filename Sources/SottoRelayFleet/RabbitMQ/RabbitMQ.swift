#if Fleet
  internal import CRabbitMQ
  package import SottoRelay

  #if canImport(Glibc)
    internal import Glibc
  #elseif canImport(Musl)
    internal import Musl
  #elseif canImport(Darwin)
    internal import Darwin
  #endif

  /// RabbitMQ as what relays with one store tell each other with.
  package struct RabbitMQ: BusConnector {
    /// False in a program that was linked without librabbitmq, as that of `make dist`.
    package static var isLinked: Bool { amqp_version_number() != 0 }

    private let stall: Duration

    /// `stall`: how long a broker may take nothing.
    package init(stall: Duration = FleetLimits.brokerStall) { self.stall = stall }

    package func bus(_ address: BusAddress, as node: NodeID) throws(StartFailure) -> any RelayBus {
      try check(address)
      return RabbitMQBus(address, node, stall: stall)
    }

    package func pushQueue(_ address: BusAddress) throws(StartFailure) -> any PushQueue {
      try check(address)
      return RabbitMQPushQueue(address)
    }

    /// Logs in, and says goodbye.
    package func reach(_ address: BusAddress) throws(StartFailure) {
      try check(address)
      do throws(BrokerLost) {
        let connection = try BrokerConnection.open(address, heartbeat: 0) { _ in }
        connection.close()
      } catch {
        throw .busAway
      }
    }

    /// That there are a password and authorities to connect with.
    package func check(_ address: BusAddress) throws(StartFailure) {
      guard BrokerPassword(address.passwordFile) != nil else { throw .noBusPassword }
      if address.location.isEncrypted {
        guard unsafe access(address.authorities ?? FleetLimits.authorities, R_OK) == 0 else { throw .noBusAuthorities }
      }
    }
  }

  extension StartFailure {
    fileprivate static let noBusPassword = StartFailure(
      78, "The file that bus.password names cannot be read, or is empty.",
      "The message server lets nobody in without a password.",
      "Write the password into it, and make it readable for this user alone.", setting: .busPassword)

    fileprivate static let noBusAuthorities = StartFailure(
      78, "The authorities that the message server's certificate may come from cannot be read.",
      "Without them nobody could be told from the message server.",
      "Name a PEM file with bus.ca, or install the package ca-certificates.", setting: .busCA)
  }
#endif
