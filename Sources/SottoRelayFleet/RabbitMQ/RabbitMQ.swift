#if Fleet
  internal import CRabbitMQ
  package import SottoRelay

  /// RabbitMQ as what relays with one store tell each other with.
  package struct RabbitMQ: BusConnector {
    /// False in a program that was linked without librabbitmq, as that of `make dist`.
    package static var isLinked: Bool { amqp_version_number() != 0 }

    package init() {}

    package func connect(
      _ address: BusAddress, as node: NodeID, hear: @escaping @Sendable (BusEvent) -> Void
    ) throws(StartFailure) -> any RelayBus {
      guard BrokerPassword(address.passwordFile) != nil else { throw .noBusPassword }
      return RabbitMQBus(address, node, hear: hear)
    }
  }

  extension StartFailure {
    fileprivate static let noBusPassword = StartFailure(
      78, "The file that bus.password names cannot be read, or is empty.",
      "The message server lets nobody in without a password.",
      "Write the password into it, and make it readable for the relay's user alone.")
  }
#endif
