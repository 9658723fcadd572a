<?php
/**
 * Runs the mu-plugin without WordPress: as much of WordPress as it calls, and one post after another.
 *
 * php run.php PLUGIN SECRET prints one line of JSON for each request that the plugin makes: {"headers": {}, "body": ""}.
 */

define( 'ABSPATH', '/' );
define( 'BRIDGE_URL', 'https://bridge.example.com/hooks/blog' );
define( 'BRIDGE_SECRET', $argv[2] );

$hooks = array();

function add_action( $name, $function, $priority, $arguments ) {
	global $hooks;
	$hooks[ $name ] = $function;
}
function wp_is_post_revision( $id ) {
	return false;
}
function wp_is_post_autosave( $id ) {
	return false;
}
function is_post_type_viewable( $type ) {
	return 'post' === $type;
}
function get_permalink( $post ) {
	return 'publish' === $post->post_status ? 'https://blog.example.com/hello/' : "https://blog.example.com/?p=$post->ID";
}
function get_the_post_thumbnail_url( $post, $size ) {
	return false;
}
function get_object_taxonomies( $post, $output ) {
	return array( (object) array( 'name' => 'category', 'public' => true ), (object) array( 'name' => 'inner', 'public' => false ) );
}
function get_the_terms( $post, $taxonomy ) {
	return array( (object) array( 'slug' => 'news', 'name' => "News of $taxonomy" ) );
}
function wp_json_encode( $value ) {
	return json_encode( $value );
}
function home_url() {
	return 'https://blog.example.com';
}
function wp_remote_post( $url, $request ) {
	echo json_encode( array( 'headers' => $request['headers'], 'body' => $request['body'] ) ), "\n";
}

function a_post( $status, $type = 'post', $password = '' ) {
	return (object) array(
		'ID'                => 7,
		'post_title'        => 'Grüße',
		'post_content'      => '<p>All of it.</p>',
		'post_excerpt'      => '',
		'post_status'       => $status,
		'post_type'         => $type,
		'post_password'     => $password,
		'post_date_gmt'     => '2031-01-01 09:00:00',
		'post_modified_gmt' => '2026-03-01 12:00:00',
	);
}

require $argv[1];

$saved = $hooks['wp_after_insert_post'];
$saved( 7, a_post( 'draft' ), false, null );
$saved( 7, a_post( 'publish' ), true, a_post( 'draft' ) );
$saved( 7, a_post( 'publish' ), true, a_post( 'publish' ) );
$saved( 7, a_post( 'publish', 'post', 'a password' ), true, a_post( 'draft' ) );
$saved( 7, a_post( 'publish', 'log' ), true, a_post( 'draft' ) );
$saved( 7, a_post( 'future' ), false, null );
$saved( 7, a_post( 'draft' ), true, a_post( 'publish' ) );
$saved( 7, a_post( 'trash' ), true, a_post( 'publish' ) );
$hooks['before_delete_post']( 7, a_post( 'trash' ) );
