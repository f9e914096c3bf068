##! Publishes a copy of the logs as events, in batches, over whichever way events take: Broker, ZeroMQ or WebSocket.
##! The ordinary logs stay as they are. docs/zeek-package.md of zeekway has the exact form of the event.

@load base/frameworks/broker
@load base/frameworks/cluster
@load base/frameworks/logging

module Zeekway;

export {
	## The logs to publish, like ``Conn::LOG``; all when it is empty.
	const event_streams: set[Log::ID] = {} &redef;

	## Logs not to publish.
	const event_streams_excluded: set[Log::ID] = {} &redef;

	## The topic of a log is this and the log's path: ``zeekway/logs/conn``.
	const event_topic_prefix = "zeekway/logs/" &redef;

	## The records of a log are published when there are this many...
	const event_batch_size = 100 &redef;

	## ...or after this time.
	const event_batch_interval = 1sec &redef;

	## Records of one log.
	##
	## stream: the log's ID, like ``Conn::LOG``.
	##
	## path: the log's path, like ``conn``.
	##
	## names: its fields, those of records within the record like ``id.orig_h``.
	##
	## types: their types, in the same order, as :zeek:see:`record_fields` names them, like ``set[string]``.
	##
	## records: for each record its values, in the same order. Times and intervals are doubles, in seconds, but in
	##          sets; an unset field, or a hole, is a vector with nothing but *none* in it. A record may have fewer
	##          values than there are names: the others are unset.
	global log_records: event(stream: string, path: string, names: string_vec, types: string_vec, records: vector of any_vec);
}

# Stands for an unset field and for a hole of a vector: a value that none of them can have.
type Unset: record {
	value: any &optional;
};

# What is known of a log, and its records that wait.
type Batch: record {
	stream: string;
	path: string;
	names: string_vec &default=vector();
	types: string_vec &default=vector();
	columns: set[string] &default=set();
	records: vector of any_vec &default=vector();
};

global unset = Unset();

# By stream and path.
global batches: table[string] of Batch;

global publish_batches: event();

# The JSON of WebSocket cuts times to milliseconds, but not doubles; and a vector with holes cannot be sent.
function sent_value(value: any, kind: string): any
	{
	if ( kind == "time" )
		return time_to_double(value as time);

	if ( kind == "interval" )
		return interval_to_double(value as interval);

	if ( /^vector of / !in kind )
		return value;

	local elements: vector of any = value;
	local sent: any_vec;
	local i = 0;

	while ( i < |elements| )
		{
		if ( i in elements )
			sent[i] = sent_value(elements[i], sub(kind, /^vector of /, ""));
		else
			sent[i] = unset;

		++i;
		}

	return sent;
	}

# Collects the logged fields of a record that are set, and those of the records within it.
function add_fields(batch: Batch, values: table[string] of any, rec: any, prefix: string)
	{
	for ( field_name, field in record_fields(rec) )
		{
		if ( ! field$log )
			next;

		local name = prefix + field_name;

		if ( /^record / in field$type_name )
			{
			if ( field?$value )
				add_fields(batch, values, field$value, name + ".");

			next;
			}

		if ( name !in batch$columns )
			{
			add batch$columns[name];
			batch$names[|batch$names|] = name;
			batch$types[|batch$types|] = field$type_name;
			}

		if ( field?$value )
			values[name] = sent_value(field$value, field$type_name);
		}
	}

function publish_batch(batch: Batch)
	{
	if ( |batch$records| == 0 )
		return;

@ifdef ( Cluster::publish )
	Cluster::publish(event_topic_prefix + batch$path, log_records, batch$stream, batch$path, batch$names, batch$types, batch$records);
@else
	Broker::publish(event_topic_prefix + batch$path, log_records, batch$stream, batch$path, batch$names, batch$types, batch$records);
@endif
	batch$records = vector();
	}

# Zeek asks a filter for the path once a record has passed all policies and is about to be written.
function take_record(id: Log::ID, path: string, rec: any): string
	{
	local log_path = path == "" ? Log::default_path_func(id, path, rec) : path;
	local stream = cat(id);
	local key = stream + " " + log_path;

	if ( key !in batches )
		batches[key] = Batch($stream=stream, $path=log_path);

	local batch = batches[key];
	local values: table[string] of any;
	local row: any_vec;

	add_fields(batch, values, rec, "");

	# By index and not with +=, which would take a value of type any for a vector of values.
	for ( i in batch$names )
		{
		if ( batch$names[i] in values )
			row[|row|] = values[batch$names[i]];
		else
			row[|row|] = unset;
		}

	batch$records[|batch$records|] = row;

	if ( |batch$records| >= event_batch_size )
		publish_batch(batch);

	return log_path;
	}

event publish_batches()
	{
	for ( key, batch in batches )
		publish_batch(batch);

	schedule event_batch_interval { publish_batches() };
	}

# Behind those who create streams.
event zeek_init() &priority=-20
	{
	for ( id in Log::active_streams )
		{
		if ( |event_streams| > 0 && id !in event_streams )
			next;

		if ( id in event_streams_excluded )
			next;

		# A filter that writes nothing: it inherits the policy of its stream, and its path function takes the record.
		Log::add_filter(id, Log::Filter($name="zeekway", $writer=Log::WRITER_NONE, $path_func=take_record,
		                                $log_local=F, $log_remote=F, $interv=0sec));
		}

	schedule event_batch_interval { publish_batches() };
	}

event zeek_done() &priority=-20
	{
	for ( key, batch in batches )
		publish_batch(batch);
	}
