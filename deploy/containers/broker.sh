#!/bin/sh
# Mosquitto with two accounts: the controller's may use every topic of the product, that of devices
# what devices send and hear.
set -eu
umask 077
cat >/tmp/mosquitto.conf <<CONF
listener 1883
allow_anonymous false
password_file /tmp/passwords
acl_file /tmp/acl
persistence true
persistence_location /mosquitto/data/
max_packet_size 1100000
CONF
cat >/tmp/acl <<ACL
user controller
topic readwrite fettle/v1/#
user device
topic readwrite fettle/v1/+/#
ACL
: >/tmp/passwords
for account in controller device; do
  mosquitto_passwd -b /tmp/passwords "$account" "$FETTLE_BROKER_PASSWORD"
done
chown mosquitto:mosquitto /tmp/mosquitto.conf /tmp/acl /tmp/passwords
exec mosquitto -c /tmp/mosquitto.conf
