<?php
/**
 * Plugin Name: Bridge
 * Description: Tells bridge what became of a post: published, scheduled, edited, withdrawn, deleted.
 *
 * Copy this file into wp-content/mu-plugins/ (make the folder where there is none) and add to wp-config.php:
 *
 *     define( 'BRIDGE_URL', 'https://bridge.example.com/hooks/blog' );
 *     define( 'BRIDGE_SECRET', '...' );  // That of sources.blog.secret.
 *
 * In bridge's configuration: sources: {blog: {kind: wordpress, secret: {env: BLOG_SECRET}}}.
 *
 * A request is sent after the answer to the editor is made, waits for nothing, and is not repeated; give the source a
 * feed (feed: https://blog.example.com/feed/) for what gets lost. It is signed as Standard Webhooks are. Needs WordPress 5.6.
 */

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

/**
 * After a post, its terms and its meta are stored. Without $post_before the post is new.
 */
function bridge_tell_saved( $post_id, $post, $update, $post_before ) {
	$before = $post_before ? $post_before->post_status : '';
	$seen   = array( 'publish', 'future' );
	if ( wp_is_post_revision( $post_id ) || wp_is_post_autosave( $post_id ) ) {
		return;
	}
	if ( ! in_array( $post->post_status, $seen, true ) && ! in_array( $before, $seen, true ) ) {
		return;
	}
	bridge_send( $update ? 'post_update' : 'post_create', $post, $before );
}
add_action( 'wp_after_insert_post', 'bridge_tell_saved', 10, 4 );

/**
 * Before a post is deleted for good: its terms are still there.
 */
function bridge_tell_deleted( $post_id, $post ) {
	if ( ! wp_is_post_revision( $post_id ) ) {
		bridge_send( 'post_delete', $post, $post->post_status );
	}
}
add_action( 'before_delete_post', 'bridge_tell_deleted', 10, 2 );

/**
 * The body has the field names of the plugin WP Webhooks, and `previous`.
 */
function bridge_send( $event, $post, $before ) {
	if ( ! defined( 'BRIDGE_URL' ) || ! defined( 'BRIDGE_SECRET' ) || ! is_post_type_viewable( $post->post_type ) ) {
		return;
	}
	$fields = array(
		'post_id'        => $post->ID,
		'post'           => array(
			'ID'                => $post->ID,
			'post_title'        => $post->post_title,
			// Nobody may read what has a password; bridge takes such posts back.
			'post_content'      => $post->post_password ? '' : $post->post_content,
			'post_excerpt'      => $post->post_password ? '' : $post->post_excerpt,
			'post_status'       => $post->post_status,
			'post_type'         => $post->post_type,
			'post_password'     => $post->post_password ? 'yes' : '',
			'post_date_gmt'     => $post->post_date_gmt,
			'post_modified_gmt' => $post->post_modified_gmt,
		),
		'previous'       => array( 'post_status' => $before ),
		'post_permalink' => bridge_permalink( $post ),
		'post_thumbnail' => get_the_post_thumbnail_url( $post, 'full' ),
		'taxonomies'     => bridge_terms( $post ),
	);
	$body   = wp_json_encode( $fields );
	$id     = 'wp_' . substr( hash( 'sha256', "$event " . home_url() . " $body" ), 0, 32 );
	$time   = (string) time();
	$signed = base64_encode( hash_hmac( 'sha256', "$id.$time.$body", BRIDGE_SECRET, true ) );
	wp_remote_post(
		BRIDGE_URL,
		array(
			'body'        => $body,
			'blocking'    => false,
			'timeout'     => 5,
			'redirection' => 0,
			'headers'     => array(
				'Content-Type'      => 'application/json; charset=utf-8',
				'X-WP-Webhook-Name' => $event,
				'webhook-id'        => $id,
				'webhook-timestamp' => $time,
				'webhook-signature' => "v1,$signed",
			),
		)
	);
}

/**
 * The address that a post has, or will have once it is out: WordPress gives that of a scheduled post as ?p=1.
 */
function bridge_permalink( $post ) {
	$copy = clone $post;
	if ( 'future' === $copy->post_status ) {
		$copy->post_status = 'publish';
	}
	return get_permalink( $copy );
}

/**
 * Terms by taxonomy and slug.
 */
function bridge_terms( $post ) {
	$found = array();
	foreach ( get_object_taxonomies( $post, 'objects' ) as $taxonomy ) {
		$terms = $taxonomy->public ? get_the_terms( $post, $taxonomy->name ) : array();
		foreach ( is_array( $terms ) ? $terms : array() as $term ) {
			$found[ $taxonomy->name ][ $term->slug ] = array( 'name' => $term->name );
		}
	}
	return $found;
}
