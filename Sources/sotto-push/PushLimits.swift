/// Every bound of the gateway, with its reason.
enum PushLimits {
  /// How long an answer about a name is believed without asking again.
  static let nameAge = Duration.seconds(60)
  /// And while nobody answers. RFC 8767 section 5 has days; a service that has moved is found again within the hour.
  static let staleNameAge = Duration.seconds(3_600)
  /// How long anybody waits to be told what a name stands for: as long as for a connection. Strangers choose names, and a
  /// server that says nothing about one keeps the system's resolver for longer.
  static let lookupTime = Duration.seconds(5)
  /// Names that are looked up at a time: each holds a thread.
  static let lookups = 8
  /// And of the hosts that browsers bring along, beside them: no stranger's names come before theirs.
  static let knownLookups = 2
  /// Jobs of those in hand that may be for Web Push, whose hosts strangers name: the rest is for APNs and FCM, whatever these
  /// hosts do.
  static let webPushJobs = 192
  /// Jobs among them for hosts that have not proved themselves: a subscriber can name as many as he likes, each of which takes
  /// its time.
  static let strangersJobs = 64
  /// Hosts of which it is known that they have: as many as there are of which it is known that they failed.
  static let provenHosts = 10 * hosts
  /// Hosts of Web Push that browsers bring along: good until they show otherwise.
  static let knownHosts = ["fcm.googleapis.com", "updates.push.services.mozilla.com", "web.push.apple.com"]
  /// Push services to which connections are kept: a handful has nearly all subscriptions.
  static let hosts = 64
  static let connectTimeout = Duration.seconds(5)
  /// Until the head of an answer: a service that is slower is a busy one.
  static let exchangeTimeout = Duration.seconds(10)
  /// And until the end of its body, of which nobody needs much.
  static let bodyTime = Duration.seconds(5)
  static let idle = Duration.seconds(55)
  /// Bytes of an answer: reasons have some 300.
  static let answer = 16 * 1024
  /// Seconds for which a push service keeps a message for a device that it does not reach. The relay asks again every day as
  /// long as the owner has not looked. [push.2]
  static let timeToLive = 86_400
  /// Seconds that a token for a Web Push service is good for; at most a day (RFC 8292 section 2).
  static let vapidSeconds = 12 * 3_600
  /// Push services whose tokens are kept.
  static let vapidTokens = 256
  /// Seconds after which a token for APNs is replaced: Apple wants that no sooner than after 20 minutes, and no later than
  /// after 60.
  static let apnsTokenSeconds = 40 * 60
  /// Seconds after which an access token of FCM is replaced, if it is said to be good for longer: Google's are for an hour.
  static let fcmTokenSeconds = 12 * 3_600
  /// Seconds before its end at which an access token of FCM is replaced.
  static let fcmTokenMargin = 60
  /// Seconds that a clock may be set back before what was signed by it is made anew: Apple refuses another token too soon.
  static let clockStep: Int64 = 60
  /// How long a service may take to say that it is busy, if it is to be asked again soon; or that it took a message, if it is
  /// to count as one that holds nobody up.
  static let patience = Duration.seconds(2)
  /// Bytes of a file with a key: the JSON of a service account has some 2,400.
  static let keyFile = 64 * 1024
  /// How often a job is tried before it waits in the queue again.
  static let attempts = 3
  /// Seconds before the second attempt; four times as many before the third.
  static let pause = 1
  /// Failures of one host in a row after which it is left alone.
  static let failuresInARow = 5
  /// For so long.
  static let rest = Duration.seconds(60)
  /// Seconds that a service is not asked about a device at most, whatever it says: then a job comes back for the last time, in
  /// its twelfth round of five minutes. A longer wait would be its end, and nobody would have asked again.
  static let longestWait = 3_300
  /// Devices of which it is kept that their services want that: a wait that is forgotten ends early.
  static let waits = 16_384
}
