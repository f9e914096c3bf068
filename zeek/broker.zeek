##! Sends all logs to zeekway over Broker, beside the loggers of a cluster: every node that sends its logs peers
##! with the gateway as well, and Broker gives a message to all who listen to its topic.

@load base/frameworks/broker
@load base/frameworks/cluster
@load base/frameworks/logging

# Since Zeek 8.1, a Zeek that is no cluster has no backend until one is loaded.
@ifdef ( Cluster::CLUSTER_BACKEND_NONE )
@if ( ! Cluster::is_enabled() && Cluster::backend == Cluster::CLUSTER_BACKEND_NONE )
@load frameworks/cluster/backend/broker
@endif
@endif

module Zeekway;

export {
	## The gateway's address or name. While it is empty, nothing is sent.
	const broker_address = "" &redef;

	## The gateway's port.
	const broker_port = 9999/tcp &redef;

	## How long to wait before the next try when the gateway cannot be reached.
	const broker_retry = 10sec &redef;
}

@if ( ! Cluster::is_enabled() )
redef Log::enable_remote_logging = T;
@endif

# Whether records go to the topics of the logs, to which both the logger and the gateway listen.
global to_all = F;

# Zeek addresses each batch of records to one of the loggers in turn.
function log_topic(id: Log::ID, path: string): string
	{
	if ( to_all )
		return Broker::default_log_topic(id, path);

	return Cluster::rr_log_topic(id, path);
	}

redef Broker::log_topic = log_topic;

event zeek_init() &priority=-10
	{
	if ( getenv("ZEEKCTL_CHECK_CONFIG") != "" )
		return;

	# A logger writes its own logs and sends none.
	if ( broker_address == "" || ! Log::enable_remote_logging )
		return;

@ifdef ( Cluster::backend )
	if ( Cluster::backend != Cluster::CLUSTER_BACKEND_BROKER )
		{
		Reporter::error("zeekway/broker needs the Broker backend: load zeekway/zeromq or zeekway/events instead");
		return;
		}
@endif

	# Several loggers would each write all records: they keep their turns, and the gateway has to listen to the
	# topic of each of them.
	local loggers = 0;

	for ( name, node in Cluster::nodes )
		{
		if ( node$node_type == Cluster::LOGGER )
			++loggers;
		}

	to_all = loggers < 2;
	Broker::peer(broker_address, broker_port, broker_retry);
	}
