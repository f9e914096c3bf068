##! Makes zeekway the logger of a cluster with the ZeroMQ backend, Zeek 7.1 or later: every node sends all of its
##! logs to the gateway and none to any other logger. ZeroMQ deals logs out between all loggers that it knows, so
##! that a gateway beside another one would get a part of them; for a copy, load ``zeekway/events``.

@load base/frameworks/cluster
@load frameworks/cluster/backend/zeromq

module Zeekway;

export {
	## Where the gateway waits for logs, like ``tcp://192.0.2.10:9998``. While it is empty, the logs stay with the
	## loggers of the cluster.
	const zeromq_endpoint = "" &redef;
}

# After Zeek has listed the loggers of the cluster (priority 100), and before it connects to them (10).
event zeek_init() &priority=50
	{
	# A logger writes its own logs and sends none.
	if ( zeromq_endpoint == "" || Cluster::local_node_type() == Cluster::LOGGER )
		return;

	resize(Cluster::Backend::ZeroMQ::connect_log_endpoints, 0);
	Cluster::Backend::ZeroMQ::connect_log_endpoints += zeromq_endpoint;
	}
