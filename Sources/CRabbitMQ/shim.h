#include <sys/time.h>

#if __has_include(<rabbitmq-c/amqp.h>)
#include <rabbitmq-c/amqp.h>
#include <rabbitmq-c/ssl_socket.h>
#include <rabbitmq-c/tcp_socket.h>
#else
#include <amqp.h>
#include <amqp_ssl_socket.h>
#include <amqp_tcp_socket.h>
#endif

// Swift calls no function with a list of arguments that is open.
static inline amqp_rpc_reply_t sotto_amqp_login(amqp_connection_state_t connection, const char *vhost, int heartbeat,
                                                const char *user, const char *password) {
  return amqp_login(connection, vhost, 0, AMQP_DEFAULT_FRAME_SIZE, heartbeat, AMQP_SASL_METHOD_PLAIN, user, password);
}
