##! Nothing is sent until one of these is loaded too, which one depends on how the gateway is reached:
##! ``zeekway/broker``, ``zeekway/zeromq`` or ``zeekway/events``. See docs/zeek-package.md of zeekway.
